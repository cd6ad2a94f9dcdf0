#include "plan/changes.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "plan/capacity.hpp"
#include "plan/exceptions.hpp"

namespace portcullis::plan {
namespace {

using model::SecurityRule;

struct Step {
  const Proposal* proposal = nullptr;
  Change::Kind kind = Change::Kind::put;
  ChangeClass change_class = ChangeClass::close;
  SecurityRule rule{};
  std::string reason{};
  std::size_t number = 0;  ///< two steps of one rule keep their order
};

ChangeClass class_of(RuleKind kind) {
  if (kind == RuleKind::keep) return ChangeClass::keep;
  return kind == RuleKind::lock ? ChangeClass::lock : ChangeClass::open;
}

constexpr const char* write_failed_before = "the cloud says that its last write failed";

constexpr Capacity most{
    .rules = most_rules, .sources = most_prefixes, .destinations = most_prefixes};

std::string words(const Capacity& capacity) {
  return std::to_string(capacity.rules) + " rules, " + std::to_string(capacity.sources) +
         " source and " + std::to_string(capacity.destinations) + " destination prefixes";
}

const model::Band& band_of(const model::Bands& bands, RuleKind kind) {
  if (kind == RuleKind::shut) return bands.shutters;
  return kind == RuleKind::open ? bands.grants : bands.locks;
}

/// `lock` as it shall be, and the addresses that `actual` locks as well: what protects goes before
/// what releases. An altered destination that is not just addresses of the family is not kept.
SecurityRule with_destinations_of(const SecurityRule& lock, const SecurityRule& actual) {
  if (!only_addresses(actual.destination)) return lock;
  const auto both = model::PrefixSet::of(lock.destination.prefixes)
                        .unite(model::PrefixSet::of(actual.destination.prefixes)
                                   .of_family(lock.destination.prefixes.front().family));
  SecurityRule wide = lock;
  wide.destination.prefixes = both.cover();
  return wide;
}

/// Whether the cloud failed to put into force what the rule says, rightly: saying it again is the
/// only way to settle it.
bool wants_rewriting(const SecurityRule& actual, const SecurityRule& target) {
  return model::write_failed(actual) && target.settled();
}

/// Whether somebody widened the lock: it denies all that it shall, and more.
bool denies_more(SecurityRule actual, SecurityRule lock) {
  actual.access = model::Access::allow;
  lock.access = model::Access::allow;
  return actual.direction == model::Direction::inbound && actual.priority == lock.priority &&
         lets_in_beyond(actual, lock) && !lets_in_beyond(lock, actual);
}

std::vector<std::string> uids(const std::vector<GrantShare>& shares) {
  std::vector<std::string> list;
  list.reserve(shares.size());
  for (const GrantShare& share : shares) list.push_back(share.grant);
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

class Writer {
 public:
  Writer(const std::vector<Proposal>& proposals, const model::SecurityGroup& actual,
         const GroupDesired& desired, RulePlan& plan)
      : proposals_(proposals),
        actual_(actual),
        desired_(desired),
        plan_(plan),
        used_(Capacity::of(actual)) {}

  std::map<std::string, SecurityRule> write() && {
    for (const Proposal& proposal : proposals_) {
      if (proposal.actual != nullptr) after_.emplace(proposal.name, *proposal.actual);
      if (proposal.target) {
        change(proposal);
      } else if (proposal.removal && proposal.actual != nullptr) {
        if (proposal.meanwhile && proposal.removal != ChangeClass::close) {
          put(proposal, ChangeClass::close, *proposal.meanwhile, "an older policy decides there");
        }
        step(proposal, Change::Kind::remove, *proposal.removal, *proposal.actual, proposal.reason);
      }
    }
    std::ranges::sort(steps_, {}, [](const Step& step) {
      // The longest overdue closing first; a lock turned into an allow has no end and is worse.
      const auto& mark = step.proposal->mark;
      const TimePoint until = step.change_class == ChangeClass::close
                                  ? mark.until.value_or(TimePoint::min())
                                  : TimePoint::min();
      // Of what is unlocked exceptions go last: until then somebody is to come in through them.
      const bool outlives =
          step.change_class == ChangeClass::unlock && step.proposal->mark.kind == RuleKind::keep;
      return std::tuple{step.change_class, until, outlives, std::string_view(step.proposal->name),
                        step.number};
    });
    for (Step& each : steps_) emit(each);
    return std::move(after_);
  }

 private:
  void step(const Proposal& proposal, Change::Kind kind, ChangeClass change_class,
            SecurityRule rule, std::string reason) {
    steps_.push_back({.proposal = &proposal,
                      .kind = kind,
                      .change_class = change_class,
                      .rule = std::move(rule),
                      .reason = std::move(reason),
                      .number = steps_.size()});
  }

  void put(const Proposal& proposal, ChangeClass change_class, SecurityRule rule,
           std::string reason) {
    step(proposal, Change::Kind::put, change_class, std::move(rule), std::move(reason));
  }

  void change(const Proposal& proposal) {
    const SecurityRule& target = *proposal.target;
    const bool placed = target.priority != 0;
    if (!placed && desired_.may_add) {
      const model::Band& band = band_of(desired_.bands, proposal.mark.kind);
      blocked(proposal, ProblemKind::no_free_priority,
              "No priority from " + std::to_string(band.from) + " to " + std::to_string(band.to) +
                  " is free for the rule " + target.name + ".");
    }
    if (proposal.actual == nullptr) {
      if (placed) widen(proposal, "wanted");
    } else if (!same_rule(*proposal.actual, target) || wants_rewriting(*proposal.actual, target)) {
      proposal.mark.kind == RuleKind::lock ? change_lock(proposal, placed)
                                           : change_allow(proposal, placed);
    }
  }

  void change_lock(const Proposal& proposal, bool placed) {
    SecurityRule target = *proposal.target;
    const SecurityRule& actual = *proposal.actual;
    const bool open = lets_in(actual);
    const bool moves = placed && may_widen(proposal);
    if (!moves && !open) return;
    if (!moves) target.priority = actual.priority;
    const SecurityRule both = with_destinations_of(target, actual);
    if (!same_rule(both, actual)) {
      put(proposal,
          open                        ? ChangeClass::close
          : denies_more(actual, both) ? ChangeClass::unlock
                                      : ChangeClass::lock,
          both, open ? "the lock may let somebody in" : "differs from what is wanted");
    } else if (wants_rewriting(actual, target)) {
      put(proposal, ChangeClass::lock, both, write_failed_before);
    }
    if (desired_.may_add && !same_rule(both, target)) {
      put(proposal, ChangeClass::unlock, target, "the policy no longer wants all addresses");
    }
  }

  /// What narrows goes at once and apart from what widens, so that it waits for nothing.
  void change_allow(const Proposal& proposal, bool placed) {
    const SecurityRule& actual = *proposal.actual;
    SecurityRule target = *proposal.target;
    const std::string differs =
        same_rule(actual, target) ? write_failed_before : "differs from what is wanted";
    if (proposal.expired) {
      // What is past its end is closed, by nothing that waits for leave to open.
      if (lets_in(actual)) {
        step(proposal, Change::Kind::remove, ChangeClass::close, actual, "past its end");
      }
      if (placed) widen(proposal, lets_in(actual) ? "wanted" : differs);
      return;
    }
    if (!lets_in_beyond(actual, target)) {
      if (ends_earlier(proposal)) {
        if (!placed || !may_widen(proposal)) target.priority = actual.priority;
        put(proposal, ChangeClass::close, target, "the rule ends earlier than it says");
      } else if (placed) {
        widen(proposal, differs);
      }
      return;
    }
    const std::string reason = "lets in more than what is wanted";
    auto less = narrowed(target, actual);
    if (!less) {
      step(proposal, Change::Kind::remove, ChangeClass::close, actual, reason);
      if (placed) widen(proposal, "wanted");
      return;
    }
    less->priority = placed && may_widen(proposal) ? target.priority : actual.priority;
    if (!may_widen(proposal)) less = standing_part(proposal).value_or(*less);
    const bool enough = !lets_in_beyond(target, actual);
    put(proposal, ChangeClass::close, *less, reason);
    if (placed && !enough) widen(proposal, "wanted");
  }

  /// Whether the rule lets in the same as before, but says that it ends later, or not when.
  static bool ends_earlier(const Proposal& proposal) {
    if (!lets_in(*proposal.actual) || lets_in_beyond(*proposal.target, *proposal.actual)) {
      return false;
    }
    const auto& mark = proposal.actual_mark;
    return !mark || (mark->until && proposal.mark.until < mark->until);
  }

  bool may_widen(const Proposal& proposal) const {
    if (!desired_.may_add) return false;
    if (proposal.mark.kind == RuleKind::open) return desired_.may_open;
    return proposal.mark.kind != RuleKind::keep || desired_.may_keep;
  }

  void widen(const Proposal& proposal, std::string reason) {
    if (!may_widen(proposal)) {
      if (!replace(proposal)) blocked_.insert({proposal.mark.kind, proposal.mark.owner});
      return;
    }
    // What may belong to a grant not resolved yet is left, not furthered.
    if (proposal.mark.kind == RuleKind::open && proposal.grants.empty()) return;
    put(proposal, class_of(proposal.mark.kind), *proposal.target, std::move(reason));
  }

  /// What of the exception its policy's let in as they stand, at the number where it stands or is
  /// to stand: the most that may be written of it where none may be made.
  std::optional<SecurityRule> standing_part(const Proposal& proposal) const {
    if (proposal.mark.kind != RuleKind::keep || !desired_.may_add) return std::nullopt;
    SecurityRule rule = *proposal.target;
    if (proposal.actual != nullptr) rule.priority = proposal.actual->priority;
    return let_in_already(rule, proposal.mark.owner, actual_, desired_.instance);
  }

  /// Once the wider ones are gone nobody could put it back. False: that is not all of it.
  bool replace(const Proposal& proposal) {
    const SecurityRule* actual = proposal.actual;
    const SecurityRule& target = *proposal.target;
    const auto part = standing_part(proposal);
    const bool closes = actual != nullptr && lets_in_beyond(*actual, target);
    if (!part || closes) return false;
    if (actual == nullptr || !actual->settled() || lets_in_beyond(*part, *actual)) {
      put(proposal, ChangeClass::replace, *part, "takes the place of wider exceptions");
    }
    return part->priority == target.priority && !lets_in_beyond(target, *part);
  }

  void emit(Step& each) {
    const Proposal& proposal = *each.proposal;
    if (each.change_class == ChangeClass::unlock && is_held_back(proposal.mark)) return;

    const auto standing = after_.find(proposal.name);
    const Capacity before = standing == after_.end() ? Capacity{} : Capacity::of(standing->second);
    if (each.kind == Change::Kind::put) {
      const Capacity next = used_.minus(before).plus(Capacity::of(each.rule));
      if (next.fits_after(used_)) {
        used_ = next;
        after_[proposal.name] = each.rule;
      } else if (each.change_class == ChangeClass::close) {
        // Fewer addresses can take more prefixes. Closing is stronger than staying open.
        each.kind = Change::Kind::remove;
        each.rule = *proposal.actual;
      } else {
        blocked(proposal, ProblemKind::no_capacity,
                "The rule " + each.rule.name + " does not fit: the group would hold " +
                    words(next) + ", the cloud allows " + words(most) +
                    "; remove some of others'.");
        return;
      }
    }
    if (each.kind == Change::Kind::remove) {
      if (!after_.contains(proposal.name))
        return;  // closed already, for its narrower form did not fit
      used_ = used_.minus(before);
      after_.erase(proposal.name);
    }
    plan_.changes.push_back({.kind = each.kind,
                             .change_class = each.change_class,
                             .rule = std::move(each.rule),
                             .reason = std::move(each.reason),
                             .grants = uids(proposal.grants),
                             .owner = proposal.mark.owner});
  }

  /// Whether what stands instead, or protects what it is for, is not written: then the old one
  /// stays.
  bool is_held_back(const OwnMark& old) const {
    return blocked_.contains({RuleKind::lock, old.owner}) ||
           (old.kind == RuleKind::keep && blocked_.contains({RuleKind::keep, old.owner}));
  }

  void blocked(const Proposal& proposal, ProblemKind kind, std::string message) {
    blocked_.insert({proposal.mark.kind, proposal.mark.owner});
    Problem problem{.kind = kind,
                    .rule = proposal.target->name,
                    .priority = proposal.actual != nullptr ? proposal.actual->priority : 0,
                    .message = std::move(message),
                    .owner = proposal.mark.owner,
                    .until = proposal.mark.until};
    for (const GrantShare& share : proposal.grants) {
      const bool stands = proposal.actual != nullptr && lets_in(*proposal.actual) &&
                          addresses(proposal.actual->source).contains(share.sources);
      if (!stands) problem.grants.push_back(share.grant);
    }
    plan_.problems.push_back(std::move(problem));
  }

  const std::vector<Proposal>& proposals_;
  const model::SecurityGroup& actual_;
  const GroupDesired& desired_;
  RulePlan& plan_;
  Capacity used_;
  std::map<std::string, SecurityRule> after_;
  std::set<std::pair<RuleKind, std::string>> blocked_;  ///< of whom not all of a kind is written
  std::vector<Step> steps_;
};

}  // namespace

std::map<std::string, SecurityRule> write_changes(const std::vector<Proposal>& proposals,
                                                  const model::SecurityGroup& actual,
                                                  const GroupDesired& desired, RulePlan& plan) {
  return Writer(proposals, actual, desired, plan).write();
}

}  // namespace portcullis::plan
