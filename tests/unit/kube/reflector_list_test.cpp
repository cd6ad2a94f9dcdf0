#include <catch2/catch.hpp>

#include "reflector_world.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using Kind = Error::Kind;
using World = ReflectorWorld;

TEST_CASE("A streaming list fills the store at its mark and goes on as the watch") {
  World world;
  auto stream = world.transport.add_stream();
  world.start();
  CHECK(world.target(0).starts_with("/apis/example.com/v1/widgets?watch=1&"));
  CHECK(has(world.target(0),
            "allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"));
  CHECK_FALSE(has(world.target(0), "resourceVersion="));
  stream->piece(event_text("ADDED", a1) + event_text("ADDED", b1));
  world.settle();
  CHECK_FALSE(world.store.synced());
  CHECK(world.store.all().empty());
  CHECK(world.reflector.version().empty());  // the first events come in no order of versions
  stream->piece(bookmark_text("20", true));
  world.settle();
  CHECK(world.store.synced());
  CHECK(contents(world.store) == Contents{{"ns/a", "one"}, {"ns/b", "bee"}});
  CHECK(world.reflector.version() == "20");
  stream->piece(event_text("MODIFIED", a2) + event_text("DELETED", object_text("b", "bee", "22")));
  world.settle();
  CHECK(contents(world.store) == Contents{{"ns/a", "two"}});
  CHECK(world.reflector.version() == "22");
  CHECK(world.requests() == 1);
}

TEST_CASE("Changes within a streaming list count; a bookmark without the mark does not end it") {
  World world;
  auto stream = world.transport.add_stream();
  world.start();
  stream->piece(event_text("ADDED", b1) + event_text("ADDED", a1) + bookmark_text("15") +
                event_text("DELETED", object_text("b", "bee", "16")) + event_text("MODIFIED", a2));
  world.settle();
  CHECK_FALSE(world.store.synced());
  stream->piece(bookmark_text("21", true));
  world.settle();
  CHECK(contents(world.store) == Contents{{"ns/a", "two"}});
}

TEST_CASE("A server that refuses streaming lists is asked for pages, from then on") {
  World world;
  auto stream = synced_by_pages(world);
  CHECK(world.target(1) == "/apis/example.com/v1/widgets?limit=500");
  CHECK(is_watch_from(world.target(2), "20"));
  CHECK(has(world.target(2), "allowWatchBookmarks=true"));
  CHECK(world.clock.boot_now() == test::FakeClock().boot_now());  // no pause on the way

  stream->piece(error_event_text(410, "Expired"));
  world.transport.answer(200, list_text({a2}, "30"));
  world.transport.add_stream();
  world.pass(2s);
  CHECK(is_page_list(world.target(3)));
  CHECK(is_watch_from(world.target(4), "30"));
  CHECK(contents(world.store) == Contents{{"ns/a", "two"}});
}

TEST_CASE("Pages are followed by their tokens; the version is that of the list") {
  World world;
  world.transport.add_stream(400)->piece("sendInitialEvents unknown").end();
  world.transport.answer(200, list_text({a1}, "20", "tok/1="));
  world.transport.answer(200, list_text({b1}, "20"));
  world.transport.add_stream();
  world.start();
  CHECK(world.target(2) == "/apis/example.com/v1/widgets?limit=500&continue=tok%2F1%3D");
  CHECK(contents(world.store) == Contents{{"ns/a", "one"}, {"ns/b", "bee"}});
  CHECK(is_watch_from(world.target(3), "20"));
}

TEST_CASE("When the snapshot of a paged list is gone, its pages are read from the first again") {
  World world;
  const bool on_first_page = GENERATE(true, false);
  world.transport.add_stream(400)->piece("sendInitialEvents unknown").end();
  if (!on_first_page) {
    world.transport.answer(200, list_text({object_text("old", "x", "9")}, "20", "t"));
  }
  world.transport.answer(410, status_text(410, "Expired", "too old"));
  world.transport.answer(200, list_text({a1}, "25", "u"));
  world.transport.answer(200, list_text({b1}, "25"));
  world.transport.add_stream();
  world.start();
  CHECK(world.target(on_first_page ? 2 : 3) == "/apis/example.com/v1/widgets?limit=500");
  CHECK(contents(world.store) == Contents{{"ns/a", "one"}, {"ns/b", "bee"}});
  CHECK(world.reflector.version() == "25");
}

TEST_CASE("A snapshot that is gone each time is given up for a while, never asked for unpaged") {
  World world;
  world.transport.add_stream(400)->piece("sendInitialEvents unknown").end();
  world.transport.serve = [](const net::Request& request) {
    return net::Response{.status = has(request.target, "continue") ? 410 : 200,
                         .body = has(request.target, "continue")
                                     ? status_text(410, "Expired", "too old")
                                     : list_text({a1}, "20", "t")};
  };
  world.start();
  CHECK(world.requests() == 1 + 4 * 2);
  world.pass(2min);
  CHECK(world.requests() > 1 + 8 * 2);
  for (std::size_t i = 1; i < world.requests(); ++i) CHECK(has(world.target(i), "?limit=500"));
  CHECK_FALSE(world.store.synced());
}

Error body_too_large() {
  return {.kind = Kind::malformed, .message = "too large", .code = "BodyTooLarge"};
}

/// Forty objects of which an answer can hold `room`.
net::Response page_of_forty(const std::string& target, int room, Error* too_large) {
  const auto number_after = [&target](const std::string& word) {
    const auto at = target.find(word);
    return at == std::string::npos ? 0 : std::stoi(target.substr(at + word.size()));
  };
  const int limit = number_after("limit=");
  const int from = number_after("continue=");
  const int count = std::min(limit == 0 ? 40 : limit, 40 - from);
  if (count > room) *too_large = body_too_large();
  std::vector<std::string> items;
  for (int i = from; i < from + count; ++i) {
    items.push_back(object_text("o" + std::to_string(i), "x", "9"));
  }
  const int next = from + count;
  return {.status = 200, .body = list_text(items, "20", next < 40 ? std::to_string(next) : "")};
}

TEST_CASE("Pages too large to be read are asked for again, smaller, down to single objects") {
  World world;
  const auto [room, pages] =
      GENERATE(table<int, std::size_t>({{1, 40}, {15, 3}, {39, 2}, {40, 1}}));
  world.transport.add_stream(400)->piece("sendInitialEvents unknown").end();
  world.transport.serve = [most = room](const net::Request& request) -> Result<net::Response> {
    Error too_large;
    auto page = page_of_forty(request.target, most, &too_large);
    if (!too_large.code.empty()) return fail(too_large);
    return page;
  };
  auto stream = world.transport.add_stream();
  world.start();
  CHECK(world.store.synced());
  CHECK(world.store.all().size() == 40);
  for (std::size_t i = 1; i + 1 < world.requests(); ++i) CHECK(has(world.target(i), "?limit="));

  // What has been learned stays learned.
  const auto before = world.requests();
  stream->piece(error_event_text(410, "Expired"));
  world.transport.add_stream();
  world.pass(2s);
  CHECK(world.requests() - before == pages + 1);
}

TEST_CASE("One object too large to be read is told, not asked for over and over at once") {
  World world;
  world.transport.add_stream(400)->piece("sendInitialEvents unknown").end();
  world.transport.serve = [](const net::Request&) -> Result<net::Response> {
    return fail(body_too_large());
  };
  world.start();
  CHECK(world.requests() == 1 + 9);  // 500, 250, 125, 62, 31, 15, 7, 3, 1
  CHECK(world.last_target() == "/apis/example.com/v1/widgets?limit=1");
}

TEST_CASE("Lists that make no sense leave the store as it was") {
  const auto body =
      GENERATE(as<std::string>{}, "", "{", "[]", list_text({a2}, ""), list_text({a2}, "0"),
               R"({"kind":"Table","metadata":{"resourceVersion":"30"},"rows":[]})",
               R"({"kind":"WidgetList","metadata":{"resourceVersion":"30"}})",
               R"({"kind":"WidgetList","metadata":{"resourceVersion":"30"},"items":{}})",
               R"({"kind":"WidgetList","metadata":{"resourceVersion":30},"items":[]})",
               list_text({"{\"a\":" + std::string(1000, '[') + std::string(1000, ']') + "}"}, "30"),
               list_text({a2}, "30").substr(0, 150));
  World world;
  auto stream = synced_by_pages(world);
  stream->piece(error_event_text(410, "Expired"));
  world.transport.answer(200, body);
  world.pass(2s);
  CHECK(is_page_list(world.last_target()));
  CHECK(contents(world.store) == Contents{{"ns/a", "one"}});
  CHECK(world.reflector.version() == "20");
  world.transport.answer(200, list_text({a2}, "30"));
  world.pass(5s);
  CHECK(contents(world.store) == Contents{{"ns/a", "two"}});
}

TEST_CASE("Pages that never end are given up") {
  World world;
  world.transport.add_stream(400)->piece("sendInitialEvents unknown").end();
  world.transport.serve = [](const net::Request&) {
    return net::Response{.status = 200, .body = list_text({a1}, "20", "again")};
  };
  world.start();
  CHECK(world.requests() == 3);
  CHECK_FALSE(world.store.synced());
}

TEST_CASE("What was deleted meanwhile is found when a list replaces the store") {
  World world;
  std::vector<std::string> told;
  world.store.listen([&told](const std::string& key, const auto& before, const auto& after) {
    told.push_back(key + (before ? " " + before->value : "") + " ->" +
                   (after ? " " + after->value : ""));
  });
  auto stream = synced(world);
  stream->piece(event_text("ADDED", b1) + error_event_text(410, "Expired"));
  auto second = world.transport.add_stream();
  second->piece(event_text("ADDED", a2) + bookmark_text("40", true));
  world.pass(2s);
  CHECK(contents(world.store) == Contents{{"ns/a", "two"}});
  CHECK(told ==
        std::vector<std::string>{"ns/a -> one", "ns/b -> bee", "ns/a one -> two", "ns/b bee ->"});
}

TEST_CASE("A list that is throttled while the storage starts is repeated by the client") {
  World world;
  world.transport.add_stream(422)->piece("sendInitialEvents unknown").end();
  world.transport.answer(429, status_text(429, "TooManyRequests", "storage is (re)initializing"),
                         {{"Retry-After", "1"}});
  world.transport.answer(200, list_text({a1}, "20"));
  world.start();
  CHECK_FALSE(world.store.synced());
  world.pass(1s);
  CHECK(world.store.synced());
}

TEST_CASE("A streaming list that gets stuck before its mark is replaced by pages") {
  World world;
  auto stream = world.transport.add_stream();
  stream->piece(event_text("ADDED", b1));
  world.start();
  world.pass(30s);
  CHECK(stream->closed);
  world.transport.answer(200, list_text({a1}, "20"));
  world.transport.add_stream();
  world.pass(2s);
  CHECK(contents(world.store) == Contents{{"ns/a", "one"}});
}

/// What a sink is told, in order.
struct Calls final : ObjectSink {
  std::vector<std::string> made;
  void put(simdjson::dom::element object) override {
    made.push_back("put " + std::string(head_of(object).name));
  }
  void erase(simdjson::dom::element object) override {
    made.push_back("erase " + std::string(head_of(object).name));
  }
  void begin_replace() override { made.push_back("begin"); }
  void end_replace() override { made.push_back("end"); }
  void abort_replace() override { made.push_back("abort"); }
};

TEST_CASE("A list that is not finished is given up at once, before the next one begins") {
  test::FakeClock clock;
  test::FakeTransport transport{clock};
  Client client{transport, clock};
  Calls sink;
  Reflector reflector(client, widgets, sink, 1);
  asio::io_context io;
  log::configure(log::Level::error, log::Format::text);
  transport.add_stream()->piece(event_text("ADDED", a1)).end();
  asio::co_spawn(io, reflector.run(), asio::detached);
  test::settle(io);
  CHECK(sink.made == std::vector<std::string>{"begin", "put a", "abort"});

  sink.made.clear();
  transport.answer(200, list_text({a1}, "20", "t"));
  transport.answer(500, "x");
  clock.run_for(io, 1600ms);
  CHECK(sink.made == std::vector<std::string>{"begin", "put a", "abort"});

  sink.made.clear();
  transport.add_stream()->end();
  transport.answer(200, list_text({a1}, "20", "t"));
  transport.answer(410, status_text(410, "Expired", "x"));
  transport.answer(500, "x");
  clock.run_for(io, 9600ms);
  CHECK(sink.made ==
        std::vector<std::string>{"begin", "abort", "begin", "put a", "abort", "begin", "abort"});

  sink.made.clear();
  transport.add_stream()->piece(event_text("ADDED", b1));
  clock.run_for(io, 12800ms);
  reflector.stop();
  test::settle(io);
  CHECK(sink.made == std::vector<std::string>{"begin", "put b", "abort"});
}

}  // namespace
}  // namespace portcullis::kube
