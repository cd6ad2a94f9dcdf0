#pragma once

#include <cstdint>
#include <string>

#include "controllers/world.hpp"

namespace portcullis::controllers {

/// When a direct reading need not be made again, because the subscription's lists show the same as
/// when it was made. What is open is read again whatever this says.

/// Each machine, and each group, is read directly this often even if nothing seems to have changed:
/// lists may lie. Every one has a turn of its own, so that the readings spread evenly.
inline constexpr Duration machine_round = std::chrono::hours(2);
inline constexpr Duration group_round = std::chrono::hours(1);

/// What of a machine its locks and grants stand on: letter case and public addresses are left out.
/// Never 0.
std::uint64_t fingerprint(const model::VirtualMachine& machine);

/// What the account's lists show of it now; 0: nothing, or not all.
std::uint64_t shown_of(const World& world, const std::string& account,
                       const std::string& machine_key);

/// Takes note of a good reading that was begun when `shown` was what the lists showed.
void note_reading(MachineView& view, std::uint64_t shown);

/// False where the account has no inventory, the reading failed, its turn has come, the lists show
/// something else than when it was read, or contradict it and time for another look has come. Where
/// the lists fail or show no machine at all, a reading stands for one period.
bool machine_stands(const World& world, const std::string& account, const std::string& machine_key);

/// When the last turn of this key was.
TimePoint last_turn(const std::string& key, TimePoint now, Duration round);

/// When the group was last seen as its reading shows it: read, or listed with the same etag.
TimePoint seen_at(const GroupView& view);

/// Whether the group was listed lately just as it was last read, its turn has not come, and nothing
/// is at work in it: what is wanted of it may be compared with that reading. Never for one that a
/// live grant depends on.
bool group_stands(const World& world, const std::string& group_key);

}  // namespace portcullis::controllers
