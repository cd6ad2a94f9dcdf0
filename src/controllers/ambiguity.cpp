#include "controllers/ambiguity.hpp"

#include <algorithm>

#include "model/resource_id.hpp"

namespace portcullis::controllers {
namespace {

using model::resource_key;

// Two periods, as they are by default.
constexpr Duration lists_count_for = std::chrono::minutes(10);

/// "interface "nic-1" of machine "web-1""
std::string words(const std::string& interface_id, const std::string& machine_id) {
  const auto id = model::parse_resource_id(interface_id);
  std::string text =
      "interface \"" + (id ? id->resource_group + "/" + id->name : interface_id) + "\"";
  if (!machine_id.empty()) text += " of machine \"" + model::short_name(machine_id) + "\"";
  return text;
}

/// Somebody else's address, as a list or a reading shows it.
struct Other {
  const model::Prefix& address;
  const std::string& interface_id;
  const std::string& machine_id;
  std::vector<std::string> groups;  ///< resource_keys
  bool all_groups = true;           ///< else there may be more
};

/// The group that stands before both, as far as is known; an empty text: it may be any of the
/// way's.
std::optional<std::string> shared_group(const model::NetworkPath& way, const Other& other) {
  for (const std::string& id : group_ids(way)) {
    if (std::ranges::find(other.groups, resource_key(id)) != other.groups.end()) return id;
  }
  if (!other.all_groups && !group_ids(way).empty()) return "";
  return std::nullopt;
}

/// Of two that overlap.
std::optional<std::string> compare(const model::VirtualMachine& machine,
                                   const model::NetworkPath& way, const Other& other) {
  if (resource_key(way.interface_id) == resource_key(other.interface_id)) return std::nullopt;
  const auto group = shared_group(way, other);
  if (!group) return std::nullopt;
  return "address " + to_string(way.address) + " of " + words(way.interface_id, machine.id) +
         " is also that of " + words(other.interface_id, other.machine_id) + ", and " +
         (group->empty() ? std::string("the same NSG may stand")
                         : "NSG \"" + model::short_name(*group) + "\" stands") +
         " before both: a rule would open both; give one of them another address, or an NSG of "
         "its own";
}

std::optional<std::string> find_twin_of(const World& world, const model::CloudAccount& account,
                                        const model::VirtualMachine& machine,
                                        const model::NetworkPath& way) {
  for (const auto& listed : world.inventories.at(account.meta.name).addresses) {
    if (!model::overlap(way.address, listed.address)) continue;
    const Other other{.address = listed.address,
                      .interface_id = listed.interface_id,
                      .machine_id = listed.machine_id,
                      .groups = listed.groups,
                      .all_groups = listed.subnet_listed};
    if (auto found = compare(machine, way, other)) return found;
  }
  // What came since the lists may have been read already.
  for (const auto& [key, view] : world.machines) {
    if (!view.machine) continue;
    for (const auto& path : view.machine->paths) {
      if (!model::overlap(way.address, path.address)) continue;
      Other other{.address = path.address,
                  .interface_id = path.interface_id,
                  .machine_id = view.machine->id,
                  .groups = {}};
      for (const auto& id : group_ids(path)) other.groups.push_back(resource_key(id));
      if (auto found = compare(machine, way, other)) return found;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<TimePoint> unlisted_since(const World& world, const model::CloudAccount& account) {
  const auto view = world.inventories.find(account.meta.name);
  if (view == world.inventories.end() || !view->second.error || !view->second.listed_at ||
      world.clock.now() < *view->second.listed_at + lists_count_for) {
    return std::nullopt;
  }
  return view->second.listed_at;
}

std::optional<std::string> addresses_unknown(const World& world,
                                             const model::CloudAccount& account) {
  const auto inventory = world.inventories.find(account.meta.name);
  if (inventory != world.inventories.end() && inventory->second.listed_at &&
      !unlisted_since(world, account)) {
    return std::nullopt;
  }
  const bool failed = inventory != world.inventories.end() && inventory->second.error;
  return "waits until the network interfaces of CloudAccount \"" + account.meta.name +
         "\" have been listed: another one may have the same address" +
         (failed ? ": " + inventory->second.error->message : std::string());
}

void wake_unlisted(World& world, const model::CloudAccount& account) {
  world.wake_requests(account.meta.name);
  const auto waits = [](const auto& entry) {
    return entry.second.refused && entry.second.refused->code == not_listed;
  };
  for (const auto& key : world.groups_of(account.meta.name)) {
    if (std::ranges::none_of(world.groups.find(key)->second.attempts, waits)) continue;
    GroupView& view = world.groups.at(key);
    std::erase_if(view.attempts, waits);
    world.mark_group(view.id, runtime::Workqueue::Urgency::normal);
  }
}

std::optional<std::string> find_twin(const World& world, const model::CloudAccount& account,
                                     const std::vector<model::Prefix>& sources,
                                     const std::vector<std::string>& machine_ids) {
  const auto allowed = model::PrefixSet::of(sources);
  for (const auto& id : machine_ids) {
    const auto view = world.machines.find(resource_key(id));
    if (view == world.machines.end() || !view->second.machine) continue;
    for (const auto& way : view->second.machine->paths) {
      if (allowed.of_family(way.address.family).empty()) continue;
      if (auto found = find_twin_of(world, account, *view->second.machine, way)) return found;
    }
  }
  return std::nullopt;
}

}  // namespace portcullis::controllers
