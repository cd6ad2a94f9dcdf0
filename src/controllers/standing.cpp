#include "controllers/standing.hpp"

#include <algorithm>

#include "model/resource_id.hpp"
#include "plan/stable_hash.hpp"

namespace portcullis::controllers {
namespace {

// What the lists contradict is read again after this, twice this, ...
constexpr Duration first_doubt = std::chrono::minutes(1);
constexpr Duration last_doubt = std::chrono::hours(1);
constexpr int most_doublings = 6;
// A group in which somebody changed rules of ours is read directly for so long.
constexpr Duration watched_after_drift = std::chrono::minutes(10);

void add(std::string& text, std::string_view part) {
  text += part;
  text += '\n';  // in no id, tag or address
}

/// Failing lists, and those of long ago, tell nothing.
bool lists_count(const InventoryView& view, TimePoint now) {
  return view.listed_at && now - *view.listed_at < 2 * view.period + std::chrono::minutes(1);
}

bool is_settled(const model::SecurityGroup& group) {
  return group.provisioning_state.empty() ||
         model::ascii_lower(group.provisioning_state) == "succeeded";
}

}  // namespace

std::uint64_t fingerprint(const model::VirtualMachine& machine) {
  std::string text;
  add(text, machine.vm_id);
  for (const auto& [name, value] : machine.tags) {
    add(text, name);
    add(text, value);
  }
  add(text, "");
  for (const auto& path : machine.paths) {
    add(text, model::resource_key(path.interface_id));
    add(text, to_string(path.address));
    add(text, path.subnet_group ? model::resource_key(*path.subnet_group) : "");
    add(text, path.interface_group ? model::resource_key(*path.interface_group) : "");
    for (const auto& group : path.application_groups) add(text, group);
    add(text, "");
  }
  return std::max<std::uint64_t>(plan::sip_hash(text, 0, 0).low, 1);
}

std::uint64_t shown_of(const World& world, const std::string& account,
                       const std::string& machine_key) {
  const auto inventory = world.inventories.find(account);
  if (inventory == world.inventories.end()) return 0;
  const auto shown = inventory->second.shown.find(machine_key);
  return shown == inventory->second.shown.end() ? 0 : shown->second;
}

void note_reading(MachineView& view, std::uint64_t shown) {
  const bool contradicted = shown != fingerprint(*view.machine);
  const bool again = contradicted && view.read_against == shown;
  view.contradicted = again ? std::min(view.contradicted + 1, most_doublings) : 0;
  view.read_against = shown;
}

bool machine_stands(const World& world, const std::string& account,
                    const std::string& machine_key) {
  const auto found = world.inventories.find(account);
  const auto known = world.machines.find(machine_key);
  if (found == world.inventories.end() || known == world.machines.end()) return false;
  const InventoryView& inventory = found->second;
  const MachineView& view = known->second;
  if (!view.machine || view.error || view.missing_since) return false;
  const TimePoint now = world.clock.now();
  const Duration age = now - view.read_at;
  if (!lists_count(inventory, now) || inventory.shown.empty()) return age < inventory.period;
  if (view.read_at <= last_turn(machine_key, now, machine_round)) return false;
  const std::uint64_t shown = shown_of(world, account, machine_key);
  if (shown == fingerprint(*view.machine)) return true;
  if (shown != view.read_against) return false;
  // A list that hides part of a machine cannot tell when it changes.
  const Duration longest = shown == 0 ? std::max(inventory.period, first_doubt) : last_doubt;
  return age < std::min(first_doubt * (1 << view.contradicted), longest);
}

TimePoint last_turn(const std::string& key, TimePoint now, Duration round) {
  const auto phase = Duration(static_cast<Duration::rep>(
      plan::sip_hash(key, 0, 0).low % static_cast<std::uint64_t>(round.count())));
  const auto since = (now.time_since_epoch() - phase) % round;
  return now - std::chrono::duration_cast<Duration>(since);
}

TimePoint seen_at(const GroupView& view) { return std::max(view.read_at, view.confirmed_at); }

bool group_stands(const World& world, const std::string& group_key) {
  const auto known = world.groups.find(group_key);
  if (known == world.groups.end()) return false;
  const GroupView& view = known->second;
  const bool calm = view.passed && view.group && !view.gone && !view.error && !view.missing_since &&
                    view.woken_by.empty() && view.attempts.empty() && view.considered.empty() &&
                    view.unsettled_readings == 0 && !view.closing_since &&
                    !view.openings_wait_since && is_settled(*view.group);
  const TimePoint now = world.clock.now();
  const bool left_alone = std::ranges::all_of(
      view.drifts, [&](TimePoint drifted) { return now - drifted > watched_after_drift; });
  return calm && left_alone && now - view.confirmed_at < reading_counts_for &&
         view.read_at > last_turn(group_key, now, group_round);
}

}  // namespace portcullis::controllers
