#pragma once

#include <optional>
#include <string>

#include "cloud/work.hpp"
#include "controllers/world.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// Who goes first: between groups by what their calls are for, within one by leaving it free for
/// the closing that comes next.

/// Notes whether something of the group has to close, and since when. Before it is read, and when
/// it has been planned anew.
void note_closing(GroupView& view, TimePoint now);

/// What a write of the plan is for.
cloud::Work work_of(const GroupView& view, const plan::Change& change, TimePoint now);

/// What reading the group is for, its last plan and whoever woke it considered.
cloud::Work work_of_reading(const GroupView& view, TimePoint now);

/// A pass that has nothing to close waits for grants that are about to come to its group, see
/// `ComingGrants`, and never past the next closing. Set: the pass is to be made then.
std::optional<runtime::Next> wait_for_coming(World& world, const std::string& group_key);

/// What was done of a plan so far, in one pass.
struct Progress {
  int closings_planned = 0;  ///< `closing_marks` of the group when the plan was made
  bool awaited = false;      ///< a write, or the API server's word before one: news may have come
  bool closing = false;      ///< written
  bool others = false;       ///< written: openings, and what comes after them
};

/// Whether the rest of a pass, from this change on, has to wait for a new plan:
/// - what is no closing, when something came up while others were written, or asked about;
/// - an opening, and whatever is less urgent, when the next closing is due before it would have
///   ended, as long as writes of this group took lately. Where closings come so close that it would
///   wait for ever, one such write a pass goes behind a closing after ten seconds, and after half a
///   minute without.
bool gives_way(GroupView& view, const plan::Change& change, const Progress& progress,
               TimePoint now);

/// Whether an opening (or what is less urgent) that has been asked about is not to be sent now:
/// since the plan was made a closing came up, or one became due before it would have ended. As long
/// as `gives_way` has it wait, at most.
bool gives_way_to_closing(GroupView& view, const plan::Change& change, const Progress& progress,
                          TimePoint now);

/// How long the API server's next answer about a change may be waited for: the group can do nothing
/// else meanwhile. At most `longest`, and not past the time that its next closing needs; zero: not
/// at all, it gives way. What no longer gives way, or never does (exceptions), has `longest`
/// although a closing is near.
Duration time_to_ask(GroupView& view, const plan::Change& change, const Progress& progress,
                     TimePoint now, Duration longest);

/// A write took so long, its operation included.
void note_write_time(GroupView& view, Duration took);

}  // namespace portcullis::controllers
