#include "plan/proposals.hpp"

#include <set>
#include <utility>

#include "plan/exceptions.hpp"
#include "plan/locks.hpp"
#include "plan/slots.hpp"

namespace portcullis::plan {
namespace {

using model::PrefixSet;
using model::SecurityRule;

class Proposer {
 public:
  Proposer(const GroupDesired& desired, const OwnRules& own, TimePoint now)
      : desired_(desired), own_(own), now_(now), owners_(desired), exceptions_(desired, own) {}

  Proposals propose() && {
    for (auto& [name, draft] : draft_locks(desired_)) want_lock(name, std::move(draft));
    const auto keeps = draft_keeps(desired_);
    for (const auto& [name, draft] : keeps) want_keep(name, draft, keeps);
    propose_opens();
    for (const auto& [name, existing] : own_) {
      if (seen_.contains(name)) continue;
      if (!existing.mark) {
        report_unreadable(existing);
        continue;
      }
      if (existing.mark->kind == RuleKind::lock) leave_lock(name, existing);
      if (existing.mark->kind == RuleKind::keep) leave_keep(name, existing);
      if (existing.mark->kind == RuleKind::shut) leave_shutter(name, existing);
    }
    for (auto& [name, proposal] : seen_) result_.list.push_back(std::move(proposal));
    return std::move(result_);
  }

 private:
  const Existing* find(const std::string& name) const {
    const auto found = own_.find(name);
    return found == own_.end() ? nullptr : &found->second;
  }

  Proposal& add(const std::string& name, const OwnMark& mark, const Existing* existing) {
    Proposal& proposal = seen_[name];
    proposal.name = name;
    proposal.mark = mark;
    if (existing != nullptr) {
      proposal.actual = existing->rule;
      proposal.actual_mark = existing->mark;
      proposal.expired = existing->mark && existing->mark->expired(now_);
    }
    return proposal;
  }

  void want_lock(const std::string& name, Draft draft) {
    const Existing* existing = find(name);
    if (existing != nullptr && owners_.release(draft.mark.owner) == nullptr) {
      // Unlocking is opening: what is locked and not proven unwanted stays locked.
      keep_destinations(draft.rule, PrefixSet::of(existing->rule->destination.prefixes));
    }
    add(name, draft.mark, existing).target = std::move(draft.rule);
  }

  void want_keep(const std::string& name, Draft draft, const std::map<std::string, Draft>& wanted) {
    const Existing* existing = find(name);
    if (owners_.release(draft.mark.owner) == nullptr) {
      keep_destinations(draft.rule, exceptions_.stand_at(draft, wanted));
    }
    add(name, draft.mark, existing).target = std::move(draft.rule);
  }

  static void keep_destinations(SecurityRule& rule, const PrefixSet& standing) {
    auto& list = rule.destination.prefixes;
    const model::Family family = list.front().family;
    list = PrefixSet::of(list).unite(standing.of_family(family)).cover();
  }

  /// Whether all that the exception lets in is let in by those that its owner wants now.
  bool is_within_wanted(const SecurityRule& keep, const OwnMark& mark) const {
    std::vector<SecurityRule> wanted;
    for (const auto& [name, proposal] : seen_) {
      const bool stays = proposal.mark.kind == RuleKind::keep &&
                         proposal.mark.owner == mark.owner && proposal.target;
      if (stays) wanted.push_back(*proposal.target);
    }
    return !lets_in_beyond(keep, wanted);
  }

  void leave_lock(const std::string& name, const Existing& existing) {
    Proposal& proposal = add(name, *existing.mark, &existing);
    if (is_inert(*existing.rule)) {
      proposal.removal = ChangeClass::cleanup;
      proposal.reason = "the lock was released and is inert";
      return;
    }
    if (const auto* release = owners_.release(existing.mark->owner)) {
      // One that somebody turned into an allow protects nothing: it does not wait for what does.
      const bool lock = existing.rule->access == model::Access::deny;
      proposal.removal = lock ? ChangeClass::unlock : ChangeClass::close;
      proposal.reason = released(*release);
      return;
    }
    if (existing.rule->readable && lets_in(*existing.rule)) {
      SecurityRule restored = *existing.rule;
      restored.access = model::Access::deny;
      restored.source = model::Endpoint{.any = true};
      restored.source_ports = {model::PortRange{}};
      restored.unsettled.clear();
      proposal.target = std::move(restored);
    }
    report_orphan_of(existing);
  }

  void leave_keep(const std::string& name, const Existing& existing) {
    const SecurityRule& rule = *existing.rule;
    const std::string& owner = existing.mark->owner;
    Proposal& proposal = add(name, *existing.mark, &existing);
    const auto* release = owners_.release(owner);
    if (!lets_in(rule)) {
      if (release != nullptr || is_inert(rule)) {
        proposal.removal = ChangeClass::cleanup;
        proposal.reason = "nobody wants the exception, and it lets nobody in";
      }
      return;
    }
    if (release != nullptr) {
      // Whoever may come in before and after is not cut off between: it outlives the lock that it
      // is from, and goes when what takes its place stands.
      const bool leaves = release->why == ReleaseEvidence::Why::leaving;
      const PrefixSet counts = exceptions_.counts_at(rule, owner);
      const bool goes_on = leaves ? !counts.empty() && !exceptions_.locked_with(rule, owner).empty()
                                  : is_within_wanted(rule, *existing.mark);
      if (goes_on && !counts.contains(PrefixSet::of(rule.destination.prefixes))) {
        proposal.meanwhile = rule;
        proposal.meanwhile->destination.prefixes = counts.cover();
      }
      proposal.removal = goes_on && keep_fits_name(rule, *existing.mark, desired_.instance)
                             ? ChangeClass::unlock
                             : ChangeClass::close;
      proposal.reason = released(*release);
      return;
    }
    if (!keep_fits_name(rule, *existing.mark, desired_.instance)) {
      proposal.removal = ChangeClass::close;
      proposal.reason = "somebody altered the rule";
      return;
    }
    if (exceptions_.is_withdrawn(rule, owner)) {
      proposal.removal = ChangeClass::close;
      proposal.reason = "the policy has no such exception";
      return;
    }
    const PrefixSet counts = exceptions_.counts_at(rule, owner);
    if (counts.empty()) {
      proposal.removal = ChangeClass::close;
      proposal.reason = "an older policy decides there";
      return;
    }
    const bool locked = exceptions_.locked_with(rule, owner).contains(counts);
    if (!locked && desired_.everything_known && desired_.remove_orphans) {
      proposal.removal = ChangeClass::close;
      proposal.reason = "an exception from no lock";
      return;
    }
    proposal.target = rule;
    proposal.target->destination.prefixes = counts.cover();
    report_orphan_of(existing);
  }

  /// Whether it may go depends on all other changes: `plan_rules` decides that.
  void leave_shutter(const std::string& name, const Existing& existing) {
    Proposal& proposal = add(name, *existing.mark, &existing);
    if (!lets_in(*existing.rule)) return;
    proposal.removal = ChangeClass::close;
    proposal.reason = "somebody altered the rule";
  }

  void propose_opens() {
    auto slots = gather_slots(desired_, now_);
    std::set<std::string> altered;
    for (const auto& [name, existing] : own_) {
      if (!existing.mark || existing.mark->kind != RuleKind::open) continue;
      const auto here = slot_of(*existing.rule, *existing.mark, desired_, now_);
      if (!here) altered.insert(name);
      if (!here && !slots.contains(name)) slots[name];
      if (!here) continue;
      Slot& slot = slots.try_emplace(name, *here).first->second;
      slot.over = slot.over.unite(here->over);
    }
    for (const auto& [name, slot] : slots) {
      const Existing* existing = find(name);
      propose_open(name, slot, existing, altered.contains(name));
    }
  }

  void propose_open(const std::string& name, const Slot& slot, const Existing* existing,
                    bool altered) {
    const bool trusted = existing != nullptr && existing->mark && !altered;
    auto settled = settle(slot, trusted ? existing->rule : nullptr,
                          trusted ? &*existing->mark : nullptr, desired_, now_);
    if (!settled) {
      // One that cannot be read and that nobody wants is only reported.
      if (existing == nullptr || !existing->mark) return;
      Proposal& proposal = add(name, *existing->mark, existing);
      // One that is being made inert, or was not with success, may still let in.
      const bool harmless = !lets_in(*existing->rule) && existing->rule->settled();
      proposal.removal = harmless ? ChangeClass::cleanup : ChangeClass::close;
      proposal.reason = proposal.expired ? "past its end"
                        : altered        ? "somebody altered the rule"
                                         : "no live grant wants it";
      return;
    }
    Proposal& proposal = add(name, settled->draft.mark, existing);
    proposal.target = std::move(settled->draft.rule);
    proposal.grants = std::move(settled->draft.grants);
    if (!settled->unknown.empty() && desired_.everything_known) {
      proposal.orphan = true;
      result_.problems.push_back({.kind = ProblemKind::orphan_open,
                                  .rule = existing->rule->name,
                                  .priority = existing->rule->priority,
                                  .message = "No grant wants the rule " + existing->rule->name +
                                             "; orphans are only reported here.",
                                  .until = existing->mark->until});
    }
  }

  static std::string released(const ReleaseEvidence& release) {
    return release.why == ReleaseEvidence::Why::leaving ? "the policy is leaving"
                                                        : "the policy no longer wants it";
  }

  void report_orphan_of(const Existing& existing) {
    if (owners_.known(existing.mark->owner)) return;
    result_.problems.push_back({.kind = ProblemKind::orphan_lock,
                                .rule = existing.rule->name,
                                .priority = existing.rule->priority,
                                .message = "The policy that the rule " + existing.rule->name +
                                           " belongs to does not exist; it is left in place.",
                                .owner = existing.mark->owner});
  }

  void report_unreadable(const Existing& existing) {
    const auto mark = read_mark(*existing.rule, desired_.instance);
    const auto* unreadable = std::get_if<UnreadableMark>(&mark);
    result_.problems.push_back(
        {.kind = ProblemKind::unreadable_mark,
         .rule = existing.rule->name,
         .priority = existing.rule->priority,
         .message = "The rule " + existing.rule->name + " is named like ours, but " +
                    (unreadable != nullptr ? unreadable->why : "its mark cannot be read") +
                    "; it is left alone."});
  }

  const GroupDesired& desired_;
  const OwnRules& own_;
  TimePoint now_;
  Owners owners_;
  Exceptions exceptions_;
  std::map<std::string, Proposal> seen_;
  Proposals result_;
};

}  // namespace

Proposals propose(const GroupDesired& desired, const OwnRules& own, TimePoint now) {
  return Proposer(desired, own, now).propose();
}

}  // namespace portcullis::plan
