#include <catch2/catch.hpp>

#include "reflector_world.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using Kind = Error::Kind;
using World = ReflectorWorld;

TEST_CASE("A refused connection and 429 keep the version and back off") {
  World world;
  auto stream = synced(world);
  world.pass(3s);
  stream->end();
  const bool refused = GENERATE(true, false);
  for (int i = 0; i < 12; ++i) {
    if (refused) {
      world.transport.streams.push_back(fail(Kind::unavailable, "connection refused"));
    } else {
      world.transport.add_stream(429)->piece(status_text(429, "TooManyRequests", "later")).end();
    }
  }
  world.settle();
  std::vector<Duration> pauses;
  for (int i = 0; i < 12; ++i) {
    const auto before = world.clock.boot_now();
    const auto count = world.requests();
    while (world.requests() == count) world.pass(world.clock.until_next());
    pauses.push_back(world.clock.boot_now() - before);
    CHECK(is_watch_from(world.last_target(), "20"));
  }
  Duration base = 800ms;
  for (const Duration pause : pauses) {
    CHECK(pause >= base);
    CHECK(pause < 2 * base);
    base = std::min<Duration>(base * 2, 30s);
  }
  CHECK(contents(world.store) == Contents{{"ns/a", "one"}});
}

TEST_CASE(
    "A server that answers anybody again is watched at once, not at the end of a long pause") {
  World world;
  auto stream = synced(world);
  world.pass(3s);
  stream->end();
  const bool refused = GENERATE(true, false);
  for (int i = 0; i < 7; ++i) {
    if (refused) {
      world.transport.streams.push_back(fail(Kind::unavailable, "connection refused"));
    } else {
      world.transport.add_stream(429)->piece(status_text(429, "TooManyRequests", "later")).end();
    }
  }
  world.settle();
  for (int i = 0; i < 6; ++i) {
    const auto count = world.requests();
    while (world.requests() == count) world.pass(world.clock.until_next());
  }
  auto open_again = world.transport.add_stream();
  const auto count = world.requests();
  world.pass(2s);  // of a pause of 30 s at least
  REQUIRE(world.requests() == count);

  // Another caller gets an answer.
  world.transport.answer(200, list_text({}, "30"));
  bool answered = false;
  asio::co_spawn(world.io, world.client.call({.target = "/version"}),
                 [&](std::exception_ptr, const auto& result) { answered = result.has_value(); });
  world.settle();
  REQUIRE(answered);
  if (!refused) {
    // It had answered all the time, that it has too much to do.
    CHECK(world.requests() == count + 1);
    return;
  }
  CHECK(world.requests() == count + 2);
  CHECK(is_watch_from(world.last_target(), "20"));
}

TEST_CASE("A longer Retry-After is obeyed, up to the longest pause") {
  World world;
  const auto [asked, waited] = GENERATE(table<const char*, Duration>({{"20", 20s}, {"900", 30s}}));
  auto refusal = world.transport.add_stream(429);
  refusal->headers = {{"Retry-After", asked}};
  refusal->piece(status_text(429, "TooManyRequests", "storage is (re)initializing")).end();
  world.start();
  world.pass(waited - 1ms);
  CHECK(world.requests() == 1);
  world.pass(1ms);
  CHECK(world.requests() == 2);
  CHECK(is_stream_list(world.last_target()));
}

}  // namespace
}  // namespace portcullis::kube
