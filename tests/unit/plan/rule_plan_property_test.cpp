#include <rapidcheck/catch.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "any_plan_world.hpp"

// A group, what is wanted of it, what somebody did to our rules, and a plan: for any of these, what
// the plan promises.
namespace portcullis::plan {
namespace {

bool covers(const std::vector<model::Prefix>& list, const model::Prefix& one) {
  return model::PrefixSet::of(list).contains(one);
}

/// Whether an exception of the owner on these ports stood for the address: one that takes its place
/// is for it as well.
bool stood_for(const SecurityGroup& before, const KeepWant& want, const model::Prefix& address) {
  return std::ranges::any_of(before.rules, [&](const SecurityRule& rule) {
    const Mark mark = read_mark(rule, instance);
    const auto* own = std::get_if<OwnMark>(&mark);
    return own != nullptr && own->kind == RuleKind::keep && own->owner == want.owner &&
           covers(rule.destination.prefixes, address);
  });
}

/// Whether a live grant or an exception lets the flow in, or its machine was released from a lock.
bool rightly_open(const GroupDesired& desired, const Flow& flow, TimePoint now,
                  const SecurityGroup& before = {}) {
  const Packet packet = to_packet(flow);
  const auto here = [&](const auto& want) {
    return covers(want.destinations, packet.destination) && holds(want.ports, packet.port);
  };
  for (const OpenWant& want : desired.opens) {
    if (want.starts_at <= now && now < want.ends_at && !want.ended && here(want) &&
        covers(want.sources, packet.source)) {
      return true;
    }
  }
  // No exception lets in anybody anew then.
  if (!desired.may_keep) return false;
  return std::ranges::any_of(desired.keeps, [&](const KeepWant& want) {
    const model::Endpoint source{.prefixes = want.sources,
                                 .tags = want.service_tag.empty()
                                             ? std::vector<std::string>{}
                                             : std::vector<std::string>{want.service_tag}};
    const bool reaches = here(want) || (holds(want.ports, packet.port) &&
                                        stood_for(before, want, packet.destination));
    return reaches && holds(source, packet.source, tags());
  });
}

std::vector<SecurityRule> foreign(const SecurityGroup& group) {
  std::vector<SecurityRule> list;
  for (const SecurityRule& rule : group.rules) {
    if (std::holds_alternative<ForeignMark>(read_mark(rule, instance))) list.push_back(rule);
  }
  return list;
}

/// An allow rule of ours that somebody turned into a denial protects nobody: that it goes is right.
SecurityGroup without_false_denials(SecurityGroup group) {
  std::erase_if(group.rules, [](const SecurityRule& rule) {
    return rule.access == Access::deny &&
           (rule.name.find("-keep-") != std::string::npos ||
            rule.name.find("-open-") != std::string::npos) &&
           !std::holds_alternative<ForeignMark>(read_mark(rule, instance));
  });
  return group;
}

/// What the unexpired open rules let in if nothing stood before them: one that was moved behind a
/// denial and that a grant shares with another, not resolved yet, comes back with both.
std::set<Flow> held_back(SecurityGroup group) {
  std::erase_if(group.rules, [](const SecurityRule& rule) {
    const Mark mark = read_mark(rule, instance);
    const auto* own = std::get_if<OwnMark>(&mark);
    return own == nullptr || own->kind != RuleKind::open || own->expired(noon) || rule.source.any ||
           rule.destination.any || rule.destination_ports.front().is_all();
  });
  group.default_rules = {group.default_rules.back()};
  return flows(group);
}

/// Plans and carries out until nothing changes; false if that does not end.
bool settle_down(const GroupDesired& desired, SecurityGroup& group) {
  for (int pass = 0; pass < 4; ++pass) {
    const auto plan = plan_rules(desired, group, noon);
    if (plan.in_sync()) return true;
    if (!apply(group, plan).empty()) return false;
  }
  return false;
}

std::vector<std::string> summary(const RulePlan& plan) {
  std::vector<std::string> lines;
  for (const Change& change : plan.changes) {
    lines.push_back(std::to_string(static_cast<int>(change.kind)) + to_string(change.change_class) +
                    change.rule.name + '@' + std::to_string(change.rule.priority) +
                    change.rule.description + change.reason);
    for (const auto& text : texts(change.rule.source)) lines.back() += ' ' + text;
    for (const auto& text : texts(change.rule.destination)) lines.back() += " >" + text;
    for (const auto& grant : change.grants) lines.back() += ' ' + grant;
  }
  for (const Problem& problem : plan.problems) {
    lines.push_back(to_string(problem.kind) + problem.rule + problem.message);
  }
  for (const WantedRule& wanted : plan.wanted) lines.push_back("wanted " + wanted.rule.name);
  return lines;
}

TEST_CASE(
    "Any plan can be carried out, touches no rule of others, and then there is no more to do") {
  rc::prop("for any wants and any group", [] {
    SecurityGroup group = random_actual();
    const auto desired = random_desired();
    const auto others = foreign(group);
    const auto plan = plan_rules(desired, group, noon);
    RC_LOG(picture(group, plan));
    for (const Change& change : plan.changes) {
      RC_ASSERT(!std::holds_alternative<ForeignMark>(read_mark(change.rule, instance)));
      RC_ASSERT(apply(group, change) == "");
    }
    RC_ASSERT(foreign(group) == others);
    RC_ASSERT(settle_down(desired, group));
    RC_ASSERT(foreign(group) == others);
  });
}

TEST_CASE("A plan cut short lets nobody in, and the next one comes to the same end") {
  rc::prop("after any number of its changes", [] {
    const SecurityGroup before = random_actual(true);
    const auto desired = random_desired();
    const auto plan = plan_rules(desired, before, noon);
    RC_LOG(picture(before, plan));
    auto passed_before = flows(before);
    passed_before.merge(flows(without_false_denials(before)));
    passed_before.merge(held_back(before));

    SecurityGroup now = before;
    for (const Change& change : plan.changes) {
      RC_ASSERT(apply(now, change) == "");
      // Those are meant to let in whom the rule kept out.
      if (change.change_class == ChangeClass::unlock) break;
      if (change.change_class == ChangeClass::cleanup && !is_inert(change.rule)) break;
      for (const Flow& flow : flows(now)) {
        RC_ASSERT(passed_before.contains(flow) || rightly_open(desired, flow, noon, before));
      }
      SecurityGroup restarted = now;
      RC_ASSERT(settle_down(desired, restarted));
    }
  });
}

TEST_CASE("When all is known and done, our rules let in whom a grant or an exception lets in") {
  rc::prop("and nobody else, whatever was altered", [] {
    SecurityGroup group = random_actual();
    auto desired = random_desired();
    desired.everything_known = true;
    desired.remove_orphans = true;
    RC_LOG(picture(group, plan_rules(desired, group, noon)));
    RC_ASSERT(settle_down(desired, group));
    for (const SecurityRule& rule : group.rules) {
      const Mark mark = read_mark(rule, instance);
      const auto* own = std::get_if<OwnMark>(&mark);
      if (own == nullptr || own->kind == RuleKind::keep || rule.access == Access::deny) continue;
      RC_ASSERT(own->kind == RuleKind::open);
      RC_ASSERT(rule.readable);
      SecurityGroup alone = group_of({rule});
      alone.default_rules = {alone.default_rules.back()};
      for (const Flow& flow : flows(alone)) RC_ASSERT(rightly_open(desired, flow, noon));
    }
  });
}

TEST_CASE("Wanted locks deny, and wanted grants are open, unless the plan says why not") {
  rc::prop("once carried out in an untouched group", [] {
    SecurityGroup group = group_of({});
    auto desired = random_desired();
    desired.may_open = desired.may_keep = desired.may_add = true;
    RC_ASSERT(settle_down(desired, group));
    const auto plan = plan_rules(desired, group, noon);
    std::set<std::string> stopped;
    bool all_locked = true;
    for (const Problem& problem : plan.problems) {
      stopped.insert(problem.grants.begin(), problem.grants.end());
      if (!problem.owner.empty()) all_locked = false;
    }
    const auto passing = flows(group);
    for (const OpenWant& want : desired.opens) {
      const bool live = want.starts_at <= noon && noon < want.ends_at && !want.ended;
      if (!live || want.ends_at - noon < least_life_to_open || stopped.contains(want.grant)) {
        continue;
      }
      for (int i = 0; i < source_count * machine_count; ++i) {
        for (const Family family : {Family::ipv4, Family::ipv6}) {
          for (const auto number : ports) {
            const Flow flow{i % source_count, i / source_count, number, family};
            const Packet packet = to_packet(flow);
            const bool asked = covers(want.sources, packet.source) &&
                               covers(want.destinations, packet.destination) &&
                               holds(want.ports, number);
            RC_ASSERT(!asked || passing.contains(flow));
          }
        }
      }
    }
    for (const LockWant& want : desired.locks) {
      for (const Flow& flow : passing) {
        const Packet packet = to_packet(flow);
        const bool here =
            covers(want.destinations, packet.destination) && holds(want.ports, packet.port);
        RC_ASSERT(!here || !all_locked || rightly_open(desired, flow, noon));
      }
    }
  });
}

TEST_CASE("The order of wants and rules means nothing") {
  rc::prop("for any shuffle", [] {
    SecurityGroup group = random_actual();
    auto desired = random_desired();
    const auto plan = summary(plan_rules(desired, group, noon));
    std::mt19937 dice(static_cast<unsigned>(pick(0, 1 << 20)));
    std::ranges::shuffle(group.rules, dice);
    std::ranges::shuffle(desired.locks, dice);
    std::ranges::shuffle(desired.keeps, dice);
    std::ranges::shuffle(desired.opens, dice);
    std::ranges::shuffle(desired.releases, dice);
    std::ranges::shuffle(desired.overruled, dice);
    for (LockWant& want : desired.locks) std::ranges::shuffle(want.destinations, dice);
    for (OpenWant& want : desired.opens) std::ranges::shuffle(want.sources, dice);
    RC_ASSERT(summary(plan_rules(desired, group, noon)) == plan);
  });
}

TEST_CASE("Every rule of ours stands in its band, exceptions before locks") {
  rc::prop("once carried out, whatever was altered", [] {
    SecurityGroup group = random_actual();
    auto desired = random_desired();
    RC_LOG(picture(group, plan_rules(desired, group, noon)));
    RC_ASSERT(settle_down(desired, group));
    RC_LOG("in the end: " + picture(group, plan_rules(desired, group, noon)));
    int last_keep = 0;
    int first_lock = 1 << 20;
    for (const WantedRule& wanted : plan_rules(desired, group, noon).wanted) {
      const auto& bands = desired.bands;
      const int priority = wanted.rule.priority;
      if (!desired.may_add) continue;
      if (!(desired.may_open && desired.may_keep) && wanted.mark.kind != RuleKind::lock) continue;
      if (wanted.mark.kind == RuleKind::open) {
        // One that has hardly any time left or that no grant known wants stays where somebody put
        // it, as does one for which nothing was free.
        RC_ASSERT((bands.grants.from <= priority && priority <= bands.grants.to) ||
                  wanted.mark.until.value() - noon < least_life_to_open || wanted.grants.empty() ||
                  find(plan_rules(desired, group, noon), ProblemKind::no_free_priority));
      } else if (bands.locks.from <= priority && priority <= bands.locks.to) {
        if (wanted.mark.kind == RuleKind::keep) last_keep = std::max(last_keep, priority);
        if (wanted.mark.kind == RuleKind::lock) first_lock = std::min(first_lock, priority);
      }
    }
    RC_ASSERT(last_keep < first_lock ||
              find(plan_rules(desired, group, noon), ProblemKind::no_free_priority));
  });
}

}  // namespace
}  // namespace portcullis::plan
