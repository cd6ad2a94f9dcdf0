#include "app/rotating_transport.hpp"

#include <catch2/catch.hpp>

#include "support/fake_clock.hpp"
#include "support/fake_transport.hpp"

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

struct Fixture {
  test::FakeClock clock;
  std::string files = "old";  ///< what stands in the files now
  bool readable = true;
  std::vector<test::FakeTransport*> made;
  RotatingTransport transport{
      clock, make(), files, [this]() -> Result<RotatingTransport::Made> {
        if (!readable) return fail(Error::Kind::invalid, "no such file");
        return RotatingTransport::Made{
            .made_of = files,
            .make = [this]() -> Result<std::unique_ptr<net::Transport>> { return make(); }};
      }};
  asio::io_context io;

  std::unique_ptr<net::Transport> make() {
    auto fresh = std::make_unique<test::FakeTransport>(clock);
    fresh->serve = [](const net::Request&) { return net::Response{.status = 200}; };
    made.push_back(fresh.get());
    return fresh;
  }

  void call() {
    asio::co_spawn(
        io,
        [](RotatingTransport& to) -> Task<void> {
          co_await to.send({.target = "/"}, 1s);
        }(transport),
        asio::detached);
    test::settle(io);
  }
};

TEST_CASE_METHOD(Fixture, "calls go over the first transport while the files stay", "[app]") {
  call();
  clock.advance(2min);
  call();
  CHECK(made.size() == 1);
  CHECK(made[0]->sent.size() == 2);
}

TEST_CASE_METHOD(Fixture, "changed files are seen within a minute", "[app]") {
  call();
  files = "new";
  clock.advance(59s);
  call();
  CHECK(made.size() == 1);
  clock.advance(1s);
  call();
  REQUIRE(made.size() == 2);
  CHECK(made[1]->sent.size() == 1);
}

TEST_CASE_METHOD(Fixture, "a file that cannot be read leaves the old one in place", "[app]") {
  readable = false;
  files = "new";
  clock.advance(2min);
  call();
  CHECK(made.size() == 1);
  CHECK(made[0]->sent.size() == 1);
}

TEST_CASE_METHOD(Fixture, "a refused certificate is looked into at once", "[app]") {
  made[0]->serve = [](const net::Request&) -> Result<net::Response> {
    return fail(Error{.kind = Error::Kind::unavailable,
                      .message = "self-signed certificate",
                      .code = "CertificateRefused"});
  };
  files = "new";
  call();
  CHECK(made.size() == 1);
  call();
  REQUIRE(made.size() == 2);
  CHECK(made[1]->sent.size() == 1);
}

}  // namespace
}  // namespace portcullis::app
