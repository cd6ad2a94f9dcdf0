#include "runtime/timers.hpp"

#include <catch2/catch.hpp>

namespace portcullis::runtime {
namespace {

TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }

TEST_CASE("timers come in order of time, each when it has come", "[timers]") {
  Timers timers;
  CHECK_FALSE(timers.first());
  CHECK(timers.add("late", at(30), Urgency::normal));
  CHECK(timers.add("soon", at(10), Urgency::normal));
  CHECK_FALSE(timers.add("between", at(20), Urgency::normal));
  CHECK(timers.first() == at(10));
  CHECK_FALSE(timers.take(at(9)));
  CHECK(timers.take(at(25))->key == "soon");
  CHECK(timers.take(at(25))->key == "between");
  CHECK_FALSE(timers.take(at(25)));
  CHECK(timers.first() == at(30));
}

TEST_CASE("of two times for one key the earlier wins, with its urgency", "[timers]") {
  Timers timers;
  timers.add("key", at(20), Urgency::normal);
  SECTION("a later time changes nothing") {
    CHECK_FALSE(timers.add("key", at(30), Urgency::closing));
    CHECK(timers.first() == at(20));
    CHECK(timers.take(at(40))->urgency == Urgency::normal);
  }
  SECTION("an earlier one replaces it, even when it is less urgent") {
    CHECK(timers.add("key", at(10), Urgency::background));
    CHECK(timers.first() == at(10));
    CHECK(timers.take(at(40))->urgency == Urgency::background);
  }
  SECTION("for the same time the greater urgency counts") {
    CHECK_FALSE(timers.add("key", at(20), Urgency::closing));
    CHECK_FALSE(timers.add("key", at(20), Urgency::background));
    CHECK(timers.take(at(40))->urgency == Urgency::closing);
  }
  CHECK_FALSE(timers.take(at(40)));  // it was there once
}

}  // namespace
}  // namespace portcullis::runtime
