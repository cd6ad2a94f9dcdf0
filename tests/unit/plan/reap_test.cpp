#include "plan/reap.hpp"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "unit/plan/rule_builders.hpp"

using namespace std::chrono_literals;

namespace portcullis::plan {
namespace {

using model::Access;

constexpr TimePoint now{1'795'000'000s};
const ReapTime certain{.now = now, .latest = now, .proven = true};
const std::string mine = "abcd1234";
const std::string other = "zzzz9999";

model::SecurityRule rule(RuleKind kind, std::string_view identity,
                         std::optional<Duration> left = std::nullopt,
                         const std::string& instance = mine) {
  OwnMark mark{.kind = kind};
  if (kind == RuleKind::lock || kind == RuleKind::keep) mark.owner = "abcdefghijklmnop";
  if (left) mark.until = now + *left;
  const bool allows = kind == RuleKind::open || kind == RuleKind::keep;
  auto made =
      make_rule(rule_name(instance, kind, identity), 130, allows ? Access::allow : Access::deny,
                from({"203.0.113.7/32"}), from({"10.1.0.4/32"}), {port(22)}, model::Protocol::tcp);
  made.description = describe(mark);
  return made;
}

ReapItem only(const model::SecurityRule& rule, const ReapOrder& order = {},
              const ReapTime& time = certain) {
  const auto items = plan_reap(group_of({rule}), order, time);
  REQUIRE(items.size() == 1);
  return items.front();
}

std::vector<std::string> to_remove(const std::vector<ReapItem>& items) {
  std::vector<std::string> names;
  for (const ReapItem& item : items) {
    if (item.step == ReapStep::remove) names.push_back(item.rule.name);
  }
  return names;
}

TEST_CASE("What is past its own end goes, whichever instance wrote it") {
  const auto kind = GENERATE(RuleKind::open, RuleKind::shut);
  const auto instance = GENERATE(as<std::string>{}, mine, other);
  const auto over = only(rule(kind, "a", -1s, instance));
  CHECK(over.step == ReapStep::remove);
  CHECK(over.instance == instance);
  CHECK(over.why == "ended 1s ago");
  CHECK(only(rule(kind, "a", 0s, instance)).step == ReapStep::remove);
  const auto live = only(rule(kind, "a", 90min, instance));
  CHECK(live.step == ReapStep::keep);
  CHECK(live.why == "ends in 1h30m");
}

TEST_CASE("Rules of others are not looked at, whatever they describe") {
  auto foreign = rule(RuleKind::open, "a", -1h);
  foreign.name = GENERATE("ssh", "portcullis", "portcullis-x-open-y", "Xportcullis-abcd1234-open");
  CHECK(plan_reap(group_of({foreign}), {}, certain).empty());
}

TEST_CASE("An order for one instance is no order for another") {
  const ReapOrder order{.instance = mine, .unexpired = true, .locks = true};
  CHECK(plan_reap(group_of({rule(RuleKind::open, "a", -1h, other)}), order, certain).empty());
  CHECK(only(rule(RuleKind::open, "a", -1h), order).step == ReapStep::remove);
}

TEST_CASE("What has time left goes only by order, and so do locks and exceptions") {
  const ReapOrder all{.instance = mine, .unexpired = true};
  const ReapOrder locks{.instance = mine, .locks = true};
  CHECK(only(rule(RuleKind::open, "a", 1h), all).step == ReapStep::remove);
  CHECK(only(rule(RuleKind::shut, "a", 1h), all).step == ReapStep::remove);
  CHECK(only(rule(RuleKind::open, "a", 1h), locks).step == ReapStep::keep);
  const auto kind = GENERATE(RuleKind::lock, RuleKind::keep);
  CHECK(only(rule(kind, "a")).step == ReapStep::keep);
  CHECK(only(rule(kind, "a"), all).step == ReapStep::keep);
  CHECK(only(rule(kind, "a"), locks).step == ReapStep::remove);
}

TEST_CASE("What cannot be read is told and left alone, also when all is to go") {
  const ReapOrder order{.instance = mine, .unexpired = true, .locks = true};
  auto altered = rule(RuleKind::open, "a", -1h);
  SECTION("no mark") { altered.description = ""; }
  SECTION("a text of somebody's") { altered.description = "do not delete"; }
  SECTION("no end") { altered.description = "portcullis/v1 open"; }
  SECTION("an end that is none") { altered.description = "portcullis/v1 open until=yesterday"; }
  SECTION("a name that ends otherwise") { altered.name = "portcullis-abcd1234-open-x"; }
  SECTION("a lock that lets in") {
    altered = rule(RuleKind::lock, "a");
    altered.access = Access::allow;
  }
  const auto item = only(altered, order);
  CHECK(item.step == ReapStep::unreadable);
  CHECK_FALSE(item.why.empty());
  CHECK_FALSE(item.mark);
}

TEST_CASE("Nothing goes by this machine's clock alone, nor where clocks disagree") {
  const auto over = rule(RuleKind::open, "a", -1min);
  SECTION("no server stated the time") {
    CHECK(only(over, {}, {.now = now, .latest = now}).step == ReapStep::doubtful);
  }
  SECTION("a clock is ahead of what is believed") {
    const ReapTime time{.now = now - 1h, .latest = now, .proven = true};
    CHECK(only(over, {}, time).step == ReapStep::doubtful);
    CHECK(only(rule(RuleKind::open, "a", -2h), {}, time).step == ReapStep::remove);
    CHECK(only(rule(RuleKind::open, "a", 1min), {}, time).step == ReapStep::keep);
  }
  SECTION("unless the instance is to be cleared") {
    const ReapOrder order{.instance = mine, .unexpired = true};
    CHECK(only(over, order, {.now = now, .latest = now}).step == ReapStep::remove);
  }
}

TEST_CASE("Open rules go before shutters, those before locks, those before exceptions") {
  const ReapOrder order{.instance = mine, .unexpired = true, .locks = true};
  auto open = rule(RuleKind::open, "o", -1h);
  const auto shut = rule(RuleKind::shut, "s", -1h);
  const auto lock = rule(RuleKind::lock, "l");
  const auto keep = rule(RuleKind::keep, "k");
  CHECK(to_remove(plan_reap(group_of({keep, lock, shut, open}), order, certain)) ==
        std::vector{open.name});
  CHECK(to_remove(plan_reap(group_of({keep, lock, shut}), order, certain)) ==
        std::vector{shut.name, lock.name});
  CHECK(to_remove(plan_reap(group_of({keep}), order, certain)) == std::vector{keep.name});
  // One that could only be made inert holds up nothing.
  open = make_inert(open);
  CHECK(to_remove(plan_reap(group_of({keep, lock, shut, open}), order, certain)) ==
        std::vector{open.name, shut.name, lock.name});
}

TEST_CASE("A shutter stays while it may be what closes a rule") {
  const auto shut = rule(RuleKind::shut, "s", -1h);
  auto live = rule(RuleKind::open, "o", 1h);
  const auto of_another = rule(RuleKind::open, "o", 1h, other);
  CHECK(to_remove(plan_reap(group_of({shut, live}), {}, certain)).empty());
  CHECK(to_remove(plan_reap(group_of({shut, of_another}), {}, certain)) == std::vector{shut.name});
  live.description = "edited";
  CHECK(to_remove(plan_reap(group_of({shut, live}), {}, certain)).empty());
}

TEST_CASE("Only rules of the ordered instance are ever to go, and only for their reason") {
  const auto kinds = rc::gen::elementOf(
      std::vector{RuleKind::open, RuleKind::shut, RuleKind::lock, RuleKind::keep});
  rc::check([&] {
    std::vector<model::SecurityRule> rules;
    const auto number = *rc::gen::inRange(0, 8);
    for (int i = 0; i < number; ++i) {
      const auto kind = *kinds;
      const bool timed = kind == RuleKind::open || kind == RuleKind::shut;
      std::optional<Duration> left;
      if (timed) left = std::chrono::seconds(*rc::gen::inRange(-100, 100));
      rules.push_back(rule(kind, std::to_string(i), left, *rc::gen::element(mine, other)));
      if (*rc::gen::inRange(0, 5) == 0) rules.back().description += " edited";
    }
    ReapOrder order{.instance = *rc::gen::element(mine, std::string())};
    if (!order.instance.empty()) {
      order.unexpired = *rc::gen::arbitrary<bool>();
      order.locks = *rc::gen::arbitrary<bool>();
    }
    for (const ReapItem& item : plan_reap(group_of(rules), order, certain)) {
      if (item.step != ReapStep::remove && item.step != ReapStep::later) continue;
      RC_ASSERT(item.mark.has_value());
      RC_ASSERT(order.instance.empty() || item.instance == order.instance);
      if (item.mark->until) {
        RC_ASSERT(*item.mark->until <= now || order.unexpired);
      } else {
        RC_ASSERT(order.locks);
      }
    }
  });
}

}  // namespace
}  // namespace portcullis::plan
