#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/security_rule.hpp"
#include "plan/drift.hpp"
#include "plan/rule_plan.hpp"
#include "runtime/workqueue.hpp"

namespace portcullis::controllers {

/// A write of a rule that no reading has shown yet: the cloud refused that very rule, or it said
/// "done" and shows something else.
struct Attempt {
  plan::Change change{};
  std::optional<Error> refused{};
  int tries = 1;           ///< of this very change, in a row
  TimePoint not_before{};  ///< it is not tried again until then
};

/// A group as last read, and what was found to be done about it then.
struct GroupView {
  std::string id;  ///< as the cloud spells it
  std::optional<model::SecurityGroup> group{};
  TimePoint read_at{};
  plan::RulePlan plan{};               ///< computed on this reading: empty changes mean in sync
  std::set<std::string> considered{};  ///< uids of the grants that the plan knew of
  /// Those whose rule is not written before their machines have been read again.
  std::set<std::string> await_reading{};
  std::set<std::string> known_over{};  ///< uids of those that it knew to be over
  /// Grants that woke the group since its last good reading, by verdict uid.
  std::set<std::pair<std::string, runtime::Workqueue::Urgency>> woken_by{};
  std::optional<TimePoint> missing_since{};   ///< first 404 of a reading, in a row
  std::optional<Error> error{};               ///< of the last pass, if the whole of it failed
  std::map<std::string, Attempt> attempts{};  ///< by rule name; see `group_attempts.hpp`
  /// Rules that were made inert since the last reading, and why they could not be removed.
  std::map<std::string, Error> left_inert{};
  int conflicts = 0;                ///< passes in a row that ended so
  int unsettled_readings = 0;       ///< in a row; see `settling.hpp`
  plan::Standing standing{};        ///< of our rules, as last read; see `drifts.hpp`
  std::string orphans{};            ///< rules that nobody owns or understands, as last told
  std::vector<TimePoint> drifts{};  ///< when others changed rules of ours, lately
  /// Since when something has to close, as far as is known; see `group_order.hpp` for these.
  std::optional<TimePoint> closing_since{};
  int closing_marks = 0;  ///< how often somebody said so since the reading was asked for
  std::optional<TimePoint> openings_wait_since{};  ///< for closings of this group; unset: none do
  std::optional<TimePoint> openings_wait_for{};    ///< the closing that they wait for
  Duration write_takes{3'000};                     ///< a write that begins now, by those of late
  bool dirty = false;             ///< what is wanted of it may have changed since the reading
  bool listed_with_ours = false;  ///< a list showed rules named like ours in it
  bool gone = false;              ///< 404, seen twice
  bool passed = false;            ///< a whole pass has been made since the start
  TimePoint confirmed_at{};       ///< a list that was begun then showed it as it was last read
  std::string listed_etag{};      ///< in the last list
  int contradicted = 0;           ///< readings in a row that this etag of the list contradicts
};

}  // namespace portcullis::controllers
