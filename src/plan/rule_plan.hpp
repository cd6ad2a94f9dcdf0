#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/security_rule.hpp"
#include "plan/rule_codec.hpp"
#include "plan/rule_wants.hpp"

namespace portcullis::plan {

/// In the order of carrying out.
enum class ChangeClass {
  replace,  ///< an exception that lets in nobody whom wider ones, before they go, do not
  close,    ///< an allow ends or narrows, or a lock that somebody turned into an allow turns back
  keep,     ///< before the locks, so that a bastion or a probe is never cut off
  lock,
  open,
  unlock,   ///< on evidence only, when everything else stands
  cleanup,  ///< a rule that lets nobody in (inert, or a shutter) goes; its failing is no danger
};

const char* to_string(ChangeClass change_class);

struct Change {
  enum class Kind { put, remove };
  Kind kind = Kind::put;
  ChangeClass change_class = ChangeClass::close;
  model::SecurityRule rule{};         ///< put: as it shall be; remove: as it was read
  std::string reason{};               ///< why, for log and dry run: "end of the last grant"
  std::vector<std::string> grants{};  ///< uids of live grants the rule is for; sorted
  std::string owner{};                ///< of a lock or keep
};

enum class ProblemKind {
  no_free_priority,  ///< the band is full: not written
  no_capacity,       ///< the group would exceed a limit of the cloud: not written
  unreadable_mark,   ///< named like ours, cannot be understood: left alone
  orphan_lock,       ///< a lock or keep whose owner nobody knows: left alone
  orphan_open,       ///< an open or shut rule nobody wants, left because orphans are only reported
  other_instance,    ///< a rule of another instance; overdue if `until` has passed
  cleanup_blocked,   ///< a rule of ours that lets nobody in cannot be removed (found when it is
                     ///< tried)
};

const char* to_string(ProblemKind kind);  ///< "NoFreePriority", …: the words of conditions

struct Problem {
  ProblemKind kind = ProblemKind::no_free_priority;
  std::string rule{};
  int priority = 0;                   ///< of the rule if it exists, else 0
  std::string message{};              ///< one sentence for people
  std::vector<std::string> grants{};  ///< uids that stay shut because of it; sorted
  std::string owner{};
  std::optional<TimePoint> until{};  ///< of an open rule, ours or another instance's
};

/// A rule of ours as it shall stand when the plan is carried out.
struct WantedRule {
  model::SecurityRule rule{};
  OwnMark mark{};
  std::vector<std::string> grants{};
};

struct RulePlan {
  /// To be carried out in order. When one fails, leave what relies on it (`Setbacks`), go on with
  /// the rest, and plan again from a fresh read.
  std::vector<Change> changes{};
  std::vector<Problem> problems{};
  /// The allows and locks that stand rightly when the plan is carried out, by priority: what is
  /// wanted and could be placed, and open rules left because not everything is known (they have no
  /// grants).
  std::vector<WantedRule> wanted{};
  /// When the answer changes although no input does: the next start or end.
  std::optional<TimePoint> next_change{};
  /// The next end, of a live grant or of a rule by its own mark: then something is to be closed.
  std::optional<TimePoint> next_close{};

  bool in_sync() const { return changes.empty(); }
  /// Nothing left to close: every rule of ours that lets somebody in is wanted.
  bool nothing_to_close() const;
};

/// Less life than this left: a grant is not opened any more (one that is open stays so).
inline constexpr Duration least_life_to_open{30'000};

/// Compares what is wanted of a group with what a read of it showed.
///
/// Pure. Equal inputs give equal plans, whatever their order. No change ever names a rule that is
/// not ours by name and mark. Every put stands in its band, or where the rule stood before; at a
/// priority that nobody has; and the group stays within the cloud's limits after each single
/// change. Carried out completely and read back, the next plan at the same time is empty, unless a
/// closing made room for what had a problem. Carried out in part, up to the first unlock, nobody
/// gets in who did not before and whom no live grant and no keep lets in.
///
/// - locks and keeps: see `LockWant`, `KeepWant`, `ReleaseEvidence`. Without evidence a lock only
///   gains addresses. A lock of an unknown owner stays, and so does its keep unless it was widened.
/// - opens: one rule a slot (destination set, ports, protocol, family, end rounded up to a minute).
///   Its sources are the minimal cover of its live grants'; its `until` is their latest exact end.
///   A grant whose sources and destinations share no family gets no rule.
/// - an expired open rule goes always, an altered one (which its name gives away) is corrected or
///   goes always, one that merely nobody wants goes when everything is known.
/// - shutters nobody wants go when everything is known and no open rule is left to remove.
/// - slots are not merged when the grants band runs full: NoFreePriority says so.
RulePlan plan_rules(const GroupDesired& desired, const model::SecurityGroup& actual, TimePoint now);

}  // namespace portcullis::plan
