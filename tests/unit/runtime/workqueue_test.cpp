#include "runtime/workqueue.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "runtime/reconciler.hpp"
#include "support/fake_clock.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;

namespace portcullis::runtime {
namespace {

using Urgency = Workqueue::Urgency;

struct Fixture {
  test::FakeClock clock;
  Workqueue queue{clock};
  std::vector<std::string> taken;
  asio::io_context io;  // last: its coroutines must die before what they refer to

  static Task<void> drain(Fixture& self, std::size_t count) {
    while (self.taken.size() < count) {
      const auto key = co_await self.queue.take();
      if (!key) co_return;
      self.taken.push_back(*key);
      self.queue.done(*key);
    }
  }

  void take(std::size_t count) {
    asio::co_spawn(io, drain(*this, taken.size() + count), asio::detached);
    test::settle(io);
  }
};

TEST_CASE_METHOD(Fixture, "keys come in the order of arrival, each once", "[runtime]") {
  queue.add("a");
  queue.add("b");
  queue.add("a");
  take(2);
  CHECK(taken == std::vector<std::string>{"a", "b"});
  CHECK(queue.idle());
}

TEST_CASE_METHOD(Fixture, "closings go first, and a key takes its highest urgency", "[runtime]") {
  queue.add("slow", Urgency::background);
  queue.add("open");
  queue.add("close", Urgency::closing);
  queue.add("slow", Urgency::closing);
  take(3);
  CHECK(taken == std::vector<std::string>{"close", "slow", "open"});
}

TEST_CASE_METHOD(Fixture, "keys of a lane come together, closings before all lanes", "[runtime]") {
  queue.use_lanes([](const std::string& key) { return key.substr(0, 1); });
  for (const char* key : {"a1", "b1", "a2", "b2"}) queue.add(key);
  queue.add("c1", Urgency::closing);
  queue.add("b2", Urgency::closing);
  CHECK(queue.ready() == 5);
  take(5);
  CHECK(taken == std::vector<std::string>{"c1", "b2", "a1", "a2", "b1"});
  CHECK(queue.idle());
}

/// Never comes to an end of its own.
struct Stuck final : Reconciler {
  explicit Stuck(Clock& with) : clock(with) {}
  Task<Result<Next>> reconcile(std::string key) override {
    begun.push_back(std::move(key));
    co_await clock.sleep_for(std::chrono::hours(1));
    co_return Next{};
  }
  Clock& clock;
  std::vector<std::string> begun;
};

TEST_CASE_METHOD(Fixture, "a storm of openings leaves workers for closings", "[runtime]") {
  Stuck stuck(clock);
  Controller controller({.name = "group", .workers = 8, .closing_workers = 2}, stuck, queue, clock,
                        1);
  for (int i = 0; i < 8; ++i) asio::co_spawn(io, controller.work(), asio::detached);
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(io, controller.work(Urgency::closing), asio::detached);
  }
  for (int i = 0; i < 500; ++i) queue.add("open " + std::to_string(i));
  test::settle(io);
  CHECK(stuck.begun.size() == 8);
  queue.add("close");
  queue.add("close", Urgency::closing);
  test::settle(io);
  REQUIRE(stuck.begun.size() == 9);
  CHECK(stuck.begun.back() == "close");
  queue.add("open 499", Urgency::closing);
  queue.add("another", Urgency::closing);
  test::settle(io);
  CHECK(stuck.begun.size() == 10);
}

TEST_CASE_METHOD(Fixture, "a key added while it is worked on comes again, not twice at once",
                 "[runtime]") {
  queue.add("a");
  std::optional<std::string> first;
  asio::co_spawn(
      io,
      [](Fixture& self, std::optional<std::string>& out) -> Task<void> {
        out = co_await self.queue.take();
      }(*this, first),
      asio::detached);
  test::settle(io);
  REQUIRE(first == "a");
  queue.add("a");
  queue.add("a");
  take(1);
  CHECK(taken.empty());
  queue.done("a");
  test::settle(io);
  CHECK(taken == std::vector<std::string>{"a"});
  CHECK(queue.idle());
}

TEST_CASE_METHOD(Fixture, "of two times the earlier wins; the past is now", "[runtime]") {
  asio::co_spawn(io, queue.run_timers(), asio::detached);
  take(2);
  queue.add_at("a", clock.now() + 10s);
  queue.add_at("a", clock.now() + 5s);
  queue.add_at("a", clock.now() + 20s);
  clock.run_for(io, 5s - 1ms);
  CHECK(taken.empty());
  clock.run_for(io, 1ms);
  CHECK(taken == std::vector<std::string>{"a"});
  clock.run_for(io, 60s);
  CHECK(taken.size() == 1);
  queue.add_at("b", clock.now() - 1s);
  test::settle(io);
  CHECK(taken == std::vector<std::string>{"a", "b"});
}

TEST_CASE_METHOD(Fixture, "what is due keeps its urgency", "[runtime]") {
  asio::co_spawn(io, queue.run_timers(), asio::detached);
  queue.add_at("end", clock.now() + 5s, Urgency::closing);
  queue.add_at("both", clock.now() + 5s);
  queue.add_at("both", clock.now() + 5s, Urgency::closing);
  queue.add("other");
  clock.run_for(io, 5s);
  take(3);
  CHECK(taken == std::vector<std::string>{"both", "end", "other"});
}

/// A clock of a process that has no file left for a timer.
struct Exhausted final : Clock {
  TimePoint now() const override { return {}; }
  BootTime boot_now() const override { return {}; }
  void observe(TimePoint, std::string_view) override {}
  Task<void> sleep_until(TimePoint, Wake*) override { throw std::runtime_error("EMFILE"); }
  Task<void> sleep_for(Duration, Wake*) override { throw std::runtime_error("EMFILE"); }
};

TEST_CASE("who cannot wait is not woken", "[runtime]") {
  Exhausted clock;
  Workqueue queue(clock);
  asio::io_context io;
  std::exception_ptr failure;
  asio::co_spawn(io, queue.take(), [&](std::exception_ptr why, auto) { failure = why; });
  test::settle(io);
  REQUIRE(failure);
  CHECK(queue.waiting() == 0);
  queue.add("a");
}

TEST_CASE_METHOD(Fixture, "what was taken tells how urgent it was", "[runtime]") {
  queue.add("a", Urgency::closing);
  std::optional<std::string> taken_key;
  asio::co_spawn(io, queue.take(), [&](std::exception_ptr, auto key) { taken_key = key; });
  test::settle(io);
  REQUIRE(taken_key == "a");
  CHECK(queue.taken_as("a") == Urgency::closing);
  queue.done("a");
  CHECK(queue.taken_as("a") == Urgency::background);
}

TEST_CASE_METHOD(Fixture, "it is told when a key in work becomes more urgent than it was taken as",
                 "[runtime]") {
  std::vector<std::string> overtaken;
  queue.when_overtaken([&](const std::string& key) { overtaken.push_back(key); });
  asio::co_spawn(io, queue.run_timers(), asio::detached);
  queue.add("now");
  queue.add("closing", Urgency::closing);
  queue.add_at("now", clock.now() + 5s, Urgency::closing);
  while (!queue.idle() && queue.ready() > 0) test::run(io, clock, queue.take());
  queue.add("now");
  queue.add("closing", Urgency::closing);
  CHECK(overtaken.empty());
  clock.run_for(io, 5s);
  CHECK(overtaken == std::vector<std::string>{"now"});
  queue.done("now");
  queue.stop();
  test::settle(io);
}

TEST_CASE_METHOD(Fixture, "after stop nobody gets anything", "[runtime]") {
  take(1);
  queue.stop();
  queue.add("a");
  test::settle(io);
  CHECK(taken.empty());
}

struct Scripted final : Reconciler {
  Task<Result<Next>> reconcile(std::string key) override {
    ++passes;
    if (key == "throws") throw std::runtime_error("bug");
    if (failures > 0) {
      --failures;
      co_return fail(error);
    }
    co_return next;
  }

  int passes = 0;
  int failures = 0;
  Error error{.kind = Error::Kind::unavailable, .message = "503"};
  Next next{};
};

struct ControllerFixture {
  test::FakeClock clock;
  Workqueue queue{clock};
  Scripted reconciler;
  Controller controller{{.name = "test"}, reconciler, queue, clock, 1};
  asio::io_context io;

  void start() {
    asio::co_spawn(io, controller.run_timers(), asio::detached);
    asio::co_spawn(io, controller.work(), asio::detached);
    test::settle(io);
  }
};

TEST_CASE_METHOD(ControllerFixture, "a failed pass is tried again with growing waits",
                 "[runtime]") {
  reconciler.failures = 3;
  start();
  queue.add("a");
  clock.run_for(io, 400ms);
  CHECK(reconciler.passes == 1);
  clock.run_for(io, 300ms);
  CHECK(reconciler.passes == 2);
  clock.run_for(io, 700ms);
  CHECK(reconciler.passes == 2);
  clock.run_for(io, 10s);
  CHECK(reconciler.passes == 4);
}

TEST_CASE_METHOD(ControllerFixture, "a failed pass is tried again as urgently as it was",
                 "[runtime]") {
  reconciler.failures = 1;
  asio::co_spawn(io, controller.run_timers(), asio::detached);
  asio::co_spawn(io, controller.work(Urgency::closing), asio::detached);
  queue.add("a", Urgency::closing);
  clock.run_for(io, 2s);
  CHECK(reconciler.passes == 2);
}

TEST_CASE_METHOD(ControllerFixture, "a server's wait is kept, but never more than a minute",
                 "[runtime]") {
  reconciler.failures = 1;
  reconciler.error.retry_after = 24h;
  start();
  queue.add("a");
  clock.run_for(io, 59s);
  CHECK(reconciler.passes == 1);
  clock.run_for(io, 2s);
  CHECK(reconciler.passes == 2);
}

TEST_CASE_METHOD(ControllerFixture, "who gives way to others comes back later each time",
                 "[runtime]") {
  Controller polite{{.name = "polite", .gives_way = true}, reconciler, queue, clock, 1};
  asio::co_spawn(io, polite.run_timers(), asio::detached);
  asio::co_spawn(io, polite.work(), asio::detached);
  reconciler.failures = 100;
  reconciler.error.retry_after = 1s;
  queue.add("a");
  clock.run_for(io, 5min);
  CHECK(reconciler.passes >= 10);  // 1, 1, 2, 4, 8, 16, and then each half a minute and a bit
  CHECK(reconciler.passes <= 16);
  reconciler.error.retry_after = 50s;  // as told, if that is longer
  clock.run_for(io, 1min);
  const int before = reconciler.passes;
  clock.run_for(io, 150s);
  CHECK(reconciler.passes - before >= 2);
  CHECK(reconciler.passes - before <= 3);
}

TEST_CASE_METHOD(ControllerFixture, "a pass that asks for the past does not spin", "[runtime]") {
  reconciler.next = {.at = clock.now() - 1h};
  start();
  queue.add("a");
  test::settle(io);
  CHECK(reconciler.passes == 1);
  clock.run_for(io, 1s);
  CHECK(reconciler.passes <= 51);
}

TEST_CASE_METHOD(ControllerFixture, "an exception is a failed pass; other keys are served",
                 "[runtime]") {
  start();
  queue.add("throws");
  queue.add("a");
  test::settle(io);
  CHECK(reconciler.passes == 2);
}

}  // namespace
}  // namespace portcullis::runtime
