#include "plan/rule_plan.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "model/resource_id.hpp"
#include "plan/changes.hpp"
#include "plan/placement.hpp"
#include "plan/proposals.hpp"
#include "plan/slots.hpp"

namespace portcullis::plan {
namespace {

using model::SecurityRule;

OwnRules own_rules(const GroupDesired& desired, const model::SecurityGroup& actual) {
  OwnRules own;
  for (const SecurityRule& rule : actual.rules) {
    const Mark mark = read_mark(rule, desired.instance);
    if (std::holds_alternative<ForeignMark>(mark)) continue;
    Existing existing{.rule = &rule};
    if (const auto* read = std::get_if<OwnMark>(&mark)) existing.mark = *read;
    own.emplace(model::ascii_lower(rule.name), existing);
  }
  return own;
}

void report_foreign(const GroupDesired& desired, const model::SecurityGroup& actual,
                    std::vector<Problem>& problems) {
  for (const SecurityRule& rule : actual.rules) {
    const Mark mark = read_mark(rule, desired.instance);
    const auto* foreign = std::get_if<ForeignMark>(&mark);
    if (foreign == nullptr || foreign->instance.empty()) continue;
    problems.push_back(
        {.kind = ProblemKind::other_instance,
         .rule = rule.name,
         .priority = rule.priority,
         .message = "The rule " + rule.name + " belongs to the instance " + foreign->instance + ".",
         .until = foreign->until});
  }
}

/// Shutters stay as long as something behind them still has to close.
void drop_shutters(const GroupDesired& desired, std::vector<Proposal>& proposals,
                   std::vector<Problem>& problems) {
  const bool closing = std::ranges::any_of(proposals, [](const Proposal& proposal) {
    if (proposal.mark.kind != RuleKind::open || proposal.actual == nullptr) return false;
    if (!proposal.target) return proposal.removal == ChangeClass::close;
    if (proposal.orphan) return true;
    return lets_in_beyond(*proposal.actual, *proposal.target);
  });
  for (Proposal& proposal : proposals) {
    if (proposal.mark.kind != RuleKind::shut || proposal.removal) continue;
    if (closing || !desired.everything_known) continue;
    if (proposal.expired || desired.remove_orphans) {
      proposal.removal = ChangeClass::cleanup;
      proposal.reason = "nothing behind the shutter is left to close";
      continue;
    }
    problems.push_back({.kind = ProblemKind::orphan_open,
                        .rule = proposal.actual->name,
                        .priority = proposal.actual->priority,
                        .message = "Nobody needs the shutter " + proposal.actual->name +
                                   "; orphans are only reported here.",
                        .until = proposal.mark.until});
  }
}

void tell_next(const GroupDesired& desired, const OwnRules& own, TimePoint now, RulePlan& plan) {
  const auto consider = [&](std::optional<TimePoint>& next, TimePoint time) {
    if (time > now) next = next ? std::min(*next, time) : time;
  };
  std::optional<TimePoint> start;
  for (const OpenWant& want : desired.opens) {
    if (want.ended || end_of(want) <= now) continue;
    consider(start, want.starts_at);
    consider(plan.next_close, end_of(want));
  }
  for (const auto& [name, existing] : own) {
    if (existing.mark && existing.mark->until) consider(plan.next_close, *existing.mark->until);
  }
  plan.next_change = plan.next_close;
  if (start) consider(plan.next_change, *start);
}

std::vector<WantedRule> standing(const std::vector<Proposal>& proposals,
                                 const std::map<std::string, SecurityRule>& after) {
  std::vector<WantedRule> wanted;
  for (const Proposal& proposal : proposals) {
    const auto rule = after.find(proposal.name);
    if (!proposal.target || proposal.orphan || rule == after.end()) continue;
    WantedRule entry{.rule = rule->second, .mark = proposal.mark};
    const model::PrefixSet sources = addresses(rule->second.source);
    for (const GrantShare& share : proposal.grants) {
      const bool here = lets_in(rule->second) && sources.contains(share.sources);
      if (here) entry.grants.push_back(share.grant);
    }
    wanted.push_back(std::move(entry));
  }
  std::ranges::sort(wanted, {}, [](const WantedRule& entry) {
    return std::pair{entry.rule.priority, std::string_view(entry.rule.name)};
  });
  return wanted;
}

}  // namespace

const char* to_string(ChangeClass change_class) {
  switch (change_class) {
    case ChangeClass::replace:
      return "replace";
    case ChangeClass::close:
      return "close";
    case ChangeClass::keep:
      return "keep";
    case ChangeClass::lock:
      return "lock";
    case ChangeClass::open:
      return "open";
    case ChangeClass::unlock:
      return "unlock";
    case ChangeClass::cleanup:
      return "cleanup";
  }
  return "?";
}

const char* to_string(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::no_free_priority:
      return "NoFreePriority";
    case ProblemKind::no_capacity:
      return "NoCapacity";
    case ProblemKind::unreadable_mark:
      return "UnreadableMark";
    case ProblemKind::orphan_lock:
      return "OrphanLock";
    case ProblemKind::orphan_open:
      return "OrphanOpen";
    case ProblemKind::other_instance:
      return "OtherInstance";
    case ProblemKind::cleanup_blocked:
      return "CleanupBlocked";
  }
  return "?";
}

bool RulePlan::nothing_to_close() const {
  return std::ranges::none_of(
      changes, [](const Change& change) { return change.change_class == ChangeClass::close; });
}

RulePlan plan_rules(const GroupDesired& desired, const model::SecurityGroup& actual,
                    TimePoint now) {
  const OwnRules own = own_rules(desired, actual);
  Proposals proposals = propose(desired, own, now);
  drop_shutters(desired, proposals.list, proposals.problems);
  place(proposals.list, actual, desired.bands);

  RulePlan plan;
  plan.problems = std::move(proposals.problems);
  report_foreign(desired, actual, plan.problems);
  const auto after = write_changes(proposals.list, actual, desired, plan);
  plan.wanted = standing(proposals.list, after);
  tell_next(desired, own, now, plan);
  std::ranges::sort(plan.problems, {}, [](const Problem& problem) {
    return std::tuple{problem.kind, std::string_view(problem.rule), problem.priority};
  });
  return plan;
}

}  // namespace portcullis::plan
