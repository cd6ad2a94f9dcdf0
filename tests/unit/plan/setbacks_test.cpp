#include "plan/setbacks.hpp"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "any_plan_world.hpp"

namespace portcullis::plan {
namespace {

Change change_of(ChangeClass change_class, std::string name, std::string owner = "",
                 int priority = 280, Change::Kind kind = Change::Kind::put) {
  Change change{.kind = kind, .change_class = change_class, .owner = std::move(owner)};
  change.rule.name = std::move(name);
  change.rule.priority = priority;
  return change;
}

TEST_CASE("What did not come about holds up what relies on it, and nothing else") {
  Setbacks setbacks;
  SECTION("an exception its policy's locks and what they would release") {
    setbacks.add(change_of(ChangeClass::keep, "k", owner_a));
    CHECK(setbacks.hold_up(change_of(ChangeClass::lock, "l", owner_a, 299)));
    CHECK(
        setbacks.hold_up(change_of(ChangeClass::unlock, "m", owner_a, 298, Change::Kind::remove)));
    CHECK_FALSE(setbacks.hold_up(change_of(ChangeClass::lock, "n", owner_b, 297)));
    CHECK_FALSE(setbacks.hold_up(change_of(ChangeClass::open, "o", "", 130)));
  }
  SECTION("a closing the same rule's opening, and whoever takes its place") {
    setbacks.add(change_of(ChangeClass::close, "o", "", 130, Change::Kind::remove));
    CHECK(setbacks.hold_up(change_of(ChangeClass::open, "O", "", 131)));
    CHECK(setbacks.hold_up(change_of(ChangeClass::open, "p", "", 130)));
    CHECK_FALSE(setbacks.hold_up(change_of(ChangeClass::open, "p", "", 131)));
    CHECK_FALSE(setbacks.hold_up(change_of(ChangeClass::lock, "l", owner_a, 299)));
  }
  SECTION("never a closing or a cleanup") {
    setbacks.add(change_of(ChangeClass::keep, "k", owner_a));
    CHECK_FALSE(setbacks.hold_up(change_of(ChangeClass::close, "k", owner_a)));
    CHECK_FALSE(setbacks.hold_up(change_of(ChangeClass::cleanup, "k", owner_a)));
  }
}

TEST_CASE(
    "Whatever the cloud refuses of a plan, the rest can be written, and so can the next plan") {
  rc::prop("for any changes that fail", [] {
    const SecurityGroup before = random_actual(true);
    const auto desired = random_desired();
    const auto plan = plan_rules(desired, before, noon);
    RC_LOG(picture(before, plan));
    SecurityGroup now = before;
    Setbacks setbacks;
    for (const Change& change : plan.changes) {
      if (setbacks.hold_up(change) || rarely()) {
        setbacks.add(change);
        continue;
      }
      // A number that a refused change was to leave is not asked for by another.
      const std::string error = apply(now, change);
      RC_ASSERT(error.empty() || change.change_class == ChangeClass::close ||
                error.find("does not fit") != std::string::npos);
    }
    const auto next = plan_rules(desired, now, noon);
    RC_LOG("then: " + picture(now, next));
    RC_ASSERT(apply(now, next).empty());
  });
}

}  // namespace
}  // namespace portcullis::plan
