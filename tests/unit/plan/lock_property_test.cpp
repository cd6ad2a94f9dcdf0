#include <rapidcheck/catch.h>
#include <algorithm>
#include <catch2/catch.hpp>

#include "any_plan_world.hpp"
#include "plan/exceptions.hpp"
#include "plan/locks.hpp"
#include "plan/rule_shape.hpp"

// Locks and exceptions that stand, whatever is known and whatever may be written: which of them may
// go, and which have to.
namespace portcullis::plan {
namespace {

std::optional<OwnMark> mark_of(const SecurityRule& rule) {
  const Mark mark = read_mark(rule, instance);
  const auto* own = std::get_if<OwnMark>(&mark);
  return own == nullptr ? std::nullopt : std::optional(*own);
}

bool is_released(const GroupDesired& desired, const std::string& owner) {
  return std::ranges::any_of(desired.releases, [&](const ReleaseEvidence& release) {
    return release.owner == owner &&
           (desired.may_add || release.why == ReleaseEvidence::Why::leaving);
  });
}

bool leaves(const GroupDesired& desired, const std::string& owner) {
  return std::ranges::any_of(desired.releases, [&](const ReleaseEvidence& release) {
    return release.owner == owner && release.why == ReleaseEvidence::Why::leaving;
  });
}

/// The group with this owner's rules of one kind alone, before a denial of all or, for locks, an
/// allow of all.
SecurityGroup only(SecurityGroup group, RuleKind kind, const std::string& owner) {
  std::erase_if(group.rules, [&](const SecurityRule& rule) {
    const auto mark = mark_of(rule);
    // What is inert locks nobody out, but the one address that it is for.
    return !mark || mark->kind != kind || mark->owner != owner || is_inert(rule);
  });
  const Access rest = kind == RuleKind::lock ? Access::allow : Access::deny;
  group.default_rules = {make_rule("Rest", 65500, rest, anywhere(), anywhere())};
  return group;
}

SecurityGroup carried_out(const GroupDesired& desired, SecurityGroup group) {
  RC_ASSERT(apply(group, plan_rules(desired, group, noon)) == "");
  return group;
}

std::vector<KeepWant> said_by(const GroupDesired& desired, const std::string& owner) {
  std::vector<KeepWant> wants;
  for (const KeepWant& want : desired.keeps) {
    if (want.owner == owner) wants.push_back(want);
  }
  return wants;
}

bool is_said(const GroupDesired& desired, const SecurityRule& keep, const std::string& owner) {
  return !lets_in_beyond(keep, exceptions_anywhere(said_by(desired, owner)));
}

bool is_known(const GroupDesired& desired, const std::string& owner) {
  return std::ranges::count(desired.exceptions_known, owner) != 0;
}

TEST_CASE("Nobody passes a lock that did not, but by its owner's evidence") {
  rc::prop("for any wants and any group", [] {
    const SecurityGroup before = random_actual(true);
    const auto desired = random_desired();
    RC_LOG(picture(before, plan_rules(desired, before, noon)));
    const auto after = carried_out(desired, before);
    for (const std::string& owner : {owner_a, owner_b}) {
      if (is_released(desired, owner)) continue;
      const auto passed = flows(only(before, RuleKind::lock, owner));
      for (const Flow& flow : flows(only(after, RuleKind::lock, owner))) {
        RC_ASSERT(passed.contains(flow));
      }
    }
  });
}

TEST_CASE("Where nothing may be added, rules only go or close") {
  rc::prop("for any wants and any group", [] {
    const SecurityGroup before = random_actual();
    auto desired = random_desired();
    desired.may_add = false;
    const auto plan = plan_rules(desired, before, noon);
    RC_LOG(picture(before, plan));
    for (const Change& change : plan.changes) {
      const bool closes = change.change_class == ChangeClass::close;
      RC_ASSERT(closes || change.kind == Change::Kind::remove);
      const auto mark = mark_of(change.rule);
      const bool unlocks = change.change_class == ChangeClass::unlock;
      RC_ASSERT(!unlocks || leaves(desired, mark->owner));
    }
  });
}

TEST_CASE("Whom a known policy does not name, none of its exceptions lets in or is to let in") {
  rc::prop("for any wants and any group", [] {
    const SecurityGroup before = random_actual();
    const auto desired = random_desired();
    const auto plan = plan_rules(desired, before, noon);
    RC_LOG(picture(before, plan));
    const auto after = carried_out(desired, before);
    for (const SecurityRule& rule : after.rules) {
      const auto mark = mark_of(rule);
      if (!mark || mark->kind != RuleKind::keep || !lets_in(rule)) continue;
      RC_ASSERT(!is_known(desired, mark->owner) || leaves(desired, mark->owner) ||
                is_said(desired, rule, mark->owner));
    }
    for (const WantedRule& wanted : plan.wanted) {
      if (wanted.mark.kind != RuleKind::keep || !lets_in(wanted.rule)) continue;
      RC_ASSERT(!is_known(desired, wanted.mark.owner) ||
                is_said(desired, wanted.rule, wanted.mark.owner));
    }
  });
}

/// What people did not alter, of an owner whose locks cover all of it.
bool stands_rightly(const SecurityGroup& group, const SecurityRule& keep, const OwnMark& mark) {
  if (!lets_in(keep) || !keep_fits_name(keep, mark, instance)) return false;
  const auto unlocked = flows(only(group, RuleKind::lock, mark.owner));
  for (const Flow& flow : unlocked) {
    const Packet packet = to_packet(flow);
    const bool here = holds(keep.destination_ports, packet.port) &&
                      model::PrefixSet::of(keep.destination.prefixes).contains(packet.destination);
    if (here) return false;
  }
  return true;
}

TEST_CASE("Who may come in before and after comes in through exceptions that stand with locks") {
  rc::prop("for any wants, and any group in which nobody altered anything", [] {
    SecurityGroup before = random_foreign();
    auto earlier = random_desired();
    earlier.may_open = earlier.may_keep = earlier.may_add = true;
    apply(before, plan_rules(earlier, before, noon - std::chrono::minutes(2)));
    const auto desired = random_desired();
    RC_LOG(picture(before, plan_rules(desired, before, noon)));
    const auto after = carried_out(desired, before);
    for (const SecurityRule& rule : before.rules) {
      const auto mark = mark_of(rule);
      if (!mark || mark->kind != RuleKind::keep || !stands_rightly(before, rule, *mark)) continue;
      // Without evidence: all that the policy did not take back, if that can be told.
      if (!is_released(desired, mark->owner)) {
        if (is_known(desired, mark->owner) && !is_said(desired, rule, mark->owner)) continue;
      } else {
        // With it: what is wanted of each address, under whatever name.
        std::vector<SecurityRule> wanted;
        for (auto& [name, draft] : draft_keeps(desired)) {
          if (draft.mark.owner == mark->owner) wanted.push_back(draft.rule);
        }
        if (leaves(desired, mark->owner) || lets_in_beyond(rule, wanted)) continue;
      }
      const auto passing = flows(only(after, RuleKind::keep, mark->owner));
      SecurityGroup alone = group_of({rule});
      alone.default_rules = {make_rule("Rest", 65500, Access::deny, anywhere(), anywhere())};
      const auto overruled = overruled_at(desired, mark->owner, rule);
      for (const Flow& flow : flows(alone)) {
        if (overruled.contains(to_packet(flow).destination)) continue;
        RC_ASSERT(passing.contains(flow));
      }
    }
  });
}

TEST_CASE("Where somebody else decides nobody comes in through an exception") {
  rc::prop("for any wants and any group", [] {
    const SecurityGroup before = random_actual();
    const auto desired = random_desired();
    RC_LOG(picture(before, plan_rules(desired, before, noon)));
    const auto after = carried_out(desired, before);
    for (const Overruled& each : desired.overruled) {
      const auto there = model::PrefixSet::of(each.destinations);
      for (const Flow& flow : flows(only(after, RuleKind::keep, each.owner))) {
        const Packet packet = to_packet(flow);
        RC_ASSERT(!there.contains(packet.destination) || !holds(each.ports, packet.port));
      }
    }
  });
}

/// What people write who narrow exceptions, and now and then widen one.
std::vector<KeepWant> edited(std::vector<KeepWant> keeps) {
  for (KeepWant& want : keeps) {
    if (want.sources.size() > 1 && flip()) want.sources.pop_back();
    if (rarely()) want.sources = some_sources();
    if (want.ports.size() > 1 && flip()) want.ports.pop_back();
  }
  return keeps;
}

/// Whom exceptions of the owner with these tags let in.
std::set<Flow> let_in_by(const SecurityGroup& group, const std::string& owner,
                         const std::vector<std::string>& named) {
  SecurityGroup rest = only(group, RuleKind::keep, owner);
  std::erase_if(rest.rules, [&](const SecurityRule& rule) { return rule.source.tags != named; });
  return flows(rest);
}

TEST_CASE("Where no exception may be made, whoever came in and is to come in goes on coming in") {
  rc::prop("for exceptions that were edited, and any group in which nobody altered anything", [] {
    SecurityGroup before = group_of({});
    auto earlier = random_desired();
    earlier.bands = desire().bands;
    earlier.may_open = earlier.may_keep = earlier.may_add = true;
    apply(before, plan_rules(earlier, before, noon - std::chrono::minutes(2)));
    auto desired = random_desired();
    desired.bands = earlier.bands;
    desired.keeps = edited(earlier.keeps);
    desired.may_keep = false;
    desired.may_add = true;
    RC_LOG(picture(before, plan_rules(desired, before, noon)));
    const auto after = carried_out(desired, before);
    for (auto& [name, draft] : draft_keeps(desired)) {
      const std::string& owner = draft.mark.owner;
      if (leaves(desired, owner)) continue;
      const auto& named = draft.rule.source.tags;
      const auto came = let_in_by(before, owner, named);
      const auto come = let_in_by(after, owner, named);
      for (const model::Prefix& address : draft.rule.destination.prefixes) {
        SecurityGroup alone = group_of({draft.rule});
        alone.rules[0].destination.prefixes = {address};
        alone.default_rules = {make_rule("Rest", 65500, Access::deny, anywhere(), anywhere())};
        const auto wanted = flows(alone);
        if (!std::ranges::includes(came, wanted)) continue;
        for (const Flow& flow : wanted) RC_ASSERT(come.contains(flow));
      }
    }
  });
}

}  // namespace
}  // namespace portcullis::plan
