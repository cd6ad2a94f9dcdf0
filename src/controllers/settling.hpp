#pragma once

#include <optional>
#include <string>

#include "controllers/world.hpp"

namespace portcullis::controllers {

/// What a reading shows that is not settled: a rule whose last write has not ended well, a group
/// that somebody is writing to. It proves neither that something is in force nor that what is gone
/// is out of it, and is read again before others: after 2 s, then ever more rarely.

/// A pass was made over the group: counts those in a row whose last reading showed something
/// unsettled of ours, or the group being written to.
void note_settling(const World& world, GroupView& view);

/// When the last reading is to be made again for that; nothing: all is settled.
std::optional<TimePoint> settling_look(const GroupView& view);

/// A rule of the group that is wanted for this owner, or for this grant, and not settled; null:
/// none.
const model::SecurityRule* find_unsettled_of_owner(const GroupView& view, const std::string& owner);
const model::SecurityRule* find_unsettled_of_grant(const GroupView& view, const std::string& uid);

/// "rule \"...\" in NSG \"...\" is Failed, so it may not be in force".
std::string unsettled_words(const GroupView& view, const model::SecurityRule& rule);

}  // namespace portcullis::controllers
