#include "kube/listing.hpp"

#include <catch2/catch.hpp>

#include "kube/watch_decoder.hpp"
#include "support/fake_transport.hpp"
#include "support/run.hpp"
#include "watch_text.hpp"

namespace portcullis::kube {
namespace {

struct Listing {
  test::FakeClock clock;
  test::FakeTransport server{clock};
  Client client{server, clock};
  std::vector<std::string> seen;
  asio::io_context io;

  Result<Done> read() {
    return test::run(io, clock, list_objects(client, widgets, [this](auto object) {
                       seen.emplace_back(head_of(object).name);
                     }));
  }
};

TEST_CASE_METHOD(Listing, "all pages of a list are read", "[kube]") {
  server.answer(200,
                list_text({object_text("a", "1", "1"), object_text("b", "2", "2")}, "9", "t/1"));
  server.answer(200, list_text({object_text("c", "3", "3")}, "9"));
  REQUIRE(read());
  CHECK(seen == std::vector<std::string>{"a", "b", "c"});
  // No resourceVersion: a consistent read, not what a cache remembers.
  CHECK(server.sent.at(0).request.target == "/apis/example.com/v1/widgets?limit=500");
  CHECK(server.sent.at(1).request.target ==
        "/apis/example.com/v1/widgets?limit=500&continue=t%2F1");
}

TEST_CASE_METHOD(Listing, "an empty list has nothing", "[kube]") {
  server.answer(200, R"({"kind":"WidgetList","metadata":{"resourceVersion":"1"},"items":null})");
  REQUIRE(read());
  CHECK(seen.empty());
}

TEST_CASE_METHOD(Listing, "what is no list is an error, not an empty one", "[kube]") {
  SECTION("text") { server.answer(200, "404 page not found"); }
  SECTION("another kind") { server.answer(200, R"({"kind":"Table","items":[]})"); }
  SECTION("without items") { server.answer(200, R"({"kind":"WidgetList","metadata":{}})"); }
  SECTION("pages in a circle") {
    for (int i = 0; i < 3; ++i) server.answer(200, list_text({}, "9", "same"));
  }
  const auto answer = read();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::malformed);
}

TEST_CASE_METHOD(Listing, "a refusal is passed on", "[kube]") {
  server.answer(404, status_text(404, "NotFound", "no such resource"));
  CHECK(read().error().kind == Error::Kind::not_found);
}

}  // namespace
}  // namespace portcullis::kube
