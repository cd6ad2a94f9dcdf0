#include "controllers/coming_grants.hpp"

#include "controllers/group_order.hpp"
#include "controllers/wiring.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

using runtime::Workqueue;

const BootTime start{1h};
const Duration longest = ComingGrants::longest_wait;
using Names = std::vector<std::string>;

TEST_CASE("a group that nothing is coming for holds nothing", "[controllers]") {
  ComingGrants coming;
  CHECK_FALSE(coming.hold("a", start));
  coming.expect("1", {"b"}, start);
  CHECK_FALSE(coming.hold("a", start));
  CHECK(coming.settle("2").empty());
}

TEST_CASE("what opens is held until the last that was coming is there", "[controllers]") {
  ComingGrants coming;
  coming.expect("1", {"a", "b"}, start);
  coming.expect("2", {"a"}, start);
  CHECK(coming.hold("a", start) == longest);
  CHECK(coming.hold("a", start + 50ms) == longest - 50ms);
  // Nobody waits for it in the other group.
  CHECK(coming.settle("1").empty());
  CHECK(coming.hold("a", start + 60ms) == longest - 60ms);
  CHECK(coming.settle("2") == Names{"a"});
  CHECK_FALSE(coming.hold("a", start + 60ms));
}

TEST_CASE("what opens is held no longer than the longest wait, however many come",
          "[controllers]") {
  ComingGrants coming;
  Duration held{0};
  for (BootTime now = start; now < start + 10 * longest; now += 10ms) {
    coming.expect("at " + std::to_string(now.time_since_epoch().count()), {"a"}, now);
    if (!coming.hold("a", now)) {
      CHECK(held == longest);
      held = -10ms;
    }
    held += 10ms;
    CHECK(held <= longest);
  }
}

TEST_CASE("who is long in coming is not waited for", "[controllers]") {
  ComingGrants coming;
  constexpr Duration late = ComingGrants::comes_within;
  coming.expect("1", {"a"}, start);
  CHECK(coming.hold("a", start + late - 1ms) == longest);
  coming.expect("1", {"a"}, start + late);  // it is still the same
  CHECK_FALSE(coming.hold("a", start + late));
  CHECK_FALSE(coming.hold("a", start + 1h));
}

TEST_CASE("where each takes long, several still go together", "[controllers]") {
  // Sixteen at a time, two seconds each: one is there each eighth of a second.
  ComingGrants coming;
  int passes = 0;
  for (int i = 0; i < 100; ++i) {
    const BootTime now = start + i * 125ms;
    coming.expect(std::to_string(i), {"a"}, now);
    if (i >= 16) coming.settle(std::to_string(i - 16));
    if (i >= 16 && !coming.hold("a", now)) ++passes;
  }
  CHECK(passes > 0);
  CHECK(passes <= 84 / 2);
}

/// A group that has been read, and requests that are decided for it.
struct Coming : RequestScene {
  Coming() { wire(world); }

  std::optional<Duration> wait() {
    const auto later = wait_for_coming(world, key);
    if (!later) return std::nullopt;
    return *later->at - clock.now();
  }
};

TEST_CASE_METHOD(Coming, "a request that is alone opens with the first pass of its group",
                 "[controllers]") {
  REQUIRE(pass());
  CHECK(wait() == longest);  // for whoever else may open there
  while (world.group_queue.ready() > 0) {
    world.group_queue.done(*test::run(io, clock, world.group_queue.take()));
  }
  api.deliver(world);  // its verdict is seen
  CHECK_FALSE(wait());
  CHECK(world.group_queue.ready() == 1);
  const TimePoint before = clock.now();
  REQUIRE(group_pass());
  CHECK(is_open());
  CHECK(clock.now() == before);
}

TEST_CASE_METHOD(Coming, "while one is decided, what opens in its group waits, and goes with it",
                 "[controllers]") {
  world.coming.expect("another", {key}, clock.boot_now());
  REQUIRE(pass());
  api.deliver(world);
  cloud.works.clear();
  const auto next = group_pass();
  REQUIRE(next);
  CHECK((next->at == clock.now() + longest));
  CHECK(cloud.works.empty());
  CHECK_FALSE(is_open());
  SECTION("until it is decided") {
    const std::string woken = *test::run(io, clock, world.group_queue.take());
    world.group_queue.done(woken);
    for (const auto& group : world.coming.settle("another")) world.group_queue.add(group);
    CHECK(world.group_queue.ready() == 1);
  }
  SECTION("or no longer than it may") { clock.advance(longest); }
  REQUIRE(group_pass());
  CHECK(is_open());
}

TEST_CASE_METHOD(Coming, "whoever is refused, or cannot be granted, is waited for no more",
                 "[controllers]") {
  bool waited = false;
  api.while_reviewed = [&] { waited = wait().has_value(); };
  SECTION("refused") { api.allows = false; }
  SECTION("no answer") { api.reviews_fail = true; }
  SECTION("it cannot be recorded") { api.broken.insert("POST accessverdicts/request"); }
  SECTION("something changed") {
    api.while_reviewed = [&] {
      waited = wait().has_value();
      may_decide = false;
    };
  }
  (void)pass();
  CHECK(waited);
  CHECK_FALSE(wait());
}

TEST_CASE_METHOD(Coming, "a closing waits for nobody", "[controllers]") {
  open();
  SECTION("whose time has come") {
    clock.advance(10min);
    world.coming.expect("another", {key}, clock.boot_now());
    CHECK_FALSE(wait());
    REQUIRE(group_pass());
    CHECK_FALSE(is_open());
  }
  SECTION("that somebody asked for") {
    world.coming.expect("another", {key}, clock.boot_now());
    world.mark_group(nsg, Workqueue::Urgency::closing);
    CHECK_FALSE(wait());
  }
  SECTION("that comes while others are waited for") {
    clock.advance(10min - 50ms);
    world.coming.expect("another", {key}, clock.boot_now());
    const auto next = group_pass();
    REQUIRE(next);
    CHECK((next->at == clock.now() + 50ms));
    CHECK(next->urgency == Workqueue::Urgency::closing);
    clock.advance(50ms);
    REQUIRE(group_pass());
    CHECK_FALSE(is_open());
  }
}

TEST_CASE_METHOD(Coming, "one that starts later is not waited for", "[controllers]") {
  api.edit("accessrequests/ssh", {{"spec", {{"startAt", format_rfc3339(clock.now() + 1min)}}}});
  bool asked_for = false;
  api.while_reviewed = [&] {
    asked_for = true;
    CHECK_FALSE(wait());
  };
  REQUIRE(pass());
  CHECK(asked_for);
}

}  // namespace
}  // namespace portcullis::controllers
