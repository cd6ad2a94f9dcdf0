#pragma once

#include <optional>
#include <string>

#include "controllers/world.hpp"

namespace portcullis::controllers {

/// Keeps account of writes that did not come about, rule by rule: one that the cloud refuses, or
/// that does not show when the group is read back, is tried again with doubling waits (1 s, 2 s,
/// ... up to half a minute, a minute, 15 s for a closing, or 5 s for one that the cloud only says
/// to have done; a refused cleanup after 5 s, 10 s, ... up to a minute) and holds up nothing but
/// what relies on it.

/// A write was tried: the answer was yes, or the cloud refused that rule for itself.
void note_attempt(GroupView& view, const plan::Change& change, const Result<Done>& answer,
                  TimePoint now);

/// The group was read and planned anew: what the plan no longer asks for has come about. A refused
/// cleanup, also of what was made inert because it could not be removed, is a problem of the plan
/// (CleanupBlocked), and no change until it is tried again.
void settle_attempts(GroupView& view, TimePoint now);

/// Whether the change has to wait for its next try.
bool is_held(const GroupView& view, const plan::Change& change, TimePoint now);

/// When something of the plan can be tried, after a pass; nothing if there is nothing.
std::optional<TimePoint> next_try(const GroupView& view, TimePoint now);

/// A refused write for this owner's locks and exceptions; null: none. Cleanups do not count.
const Attempt* find_refused_of_owner(const GroupView& view, const std::string& owner);

/// A refused write for this live grant; null: none.
const Attempt* find_refused_of_grant(const GroupView& view, const std::string& uid);

/// "rule \"...\" is refused: ...".
std::string words(const Attempt& refused);

/// How much of a pass a failure stops.
enum class Reach {
  change,    ///< the rule itself, and what relies on it
  openings,  ///< all but closings: the cloud or the group does not answer as it should
  pass,      ///< closings, too: whoever goes on when told to wait waits longer
};
Reach reach_of(const Error& error);

}  // namespace portcullis::controllers
