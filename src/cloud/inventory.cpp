#include "cloud/inventory.hpp"

#include <algorithm>
#include <unordered_map>

#include "model/resource_id.hpp"

namespace portcullis::cloud {
namespace {

using model::resource_key;
using IsGoodGroup = std::function<bool(const std::string& id)>;

class Assembly {
 public:
  Assembly(const InventoryLists& lists, const IsGoodGroup& is_good_group)
      : lists_(lists), is_good_group_(is_good_group) {
    for (const auto& interface : lists.interfaces) {
      interfaces_.emplace(resource_key(interface.id), &interface);
    }
    for (const auto& network : lists.networks) {
      for (const auto& [subnet, group] : network.subnet_groups) subnets_.emplace(subnet, &group);
    }
  }

  model::Inventory finish() const {
    model::Inventory inventory{.skipped = lists_.skipped};
    for (const auto& machine : lists_.machines) {
      inventory.machines.push_back(
          {.id = machine.id, .tags = machine.tags, .whole = whole(machine)});
    }
    for (const auto& interface : lists_.interfaces) {
      for (const auto& address : interface.addresses) {
        inventory.addresses.push_back(listed(interface, address));
      }
    }
    for (const auto& network : lists_.networks) inventory.skipped += network.skipped;
    return inventory;
  }

 private:
  /// The group of a subnet, or null if the subnet is not listed.
  const std::optional<std::string>* group_of(const std::string& subnet_id) const {
    const auto found = subnets_.find(resource_key(subnet_id));
    return found == subnets_.end() ? nullptr : found->second;
  }

  bool is_good(const std::optional<std::string>& group) const {
    return !group || is_good_group_(*group);
  }

  std::optional<model::VirtualMachine> whole(const MachineItem& item) const {
    const auto id = model::parse_resource_id(item.id);
    if (!item.document || !id) return std::nullopt;
    model::VirtualMachine machine{.id = item.document->id,
                                  .vm_id = item.document->vm_id,
                                  .name = item.document->name,
                                  .resource_group = id->resource_group,
                                  .tags = item.tags};
    for (const std::string& interface_id : item.document->interface_ids) {
      const auto found = interfaces_.find(resource_key(interface_id));
      if (found == interfaces_.end()) return std::nullopt;
      const InterfaceDocument& interface = *found->second;
      const bool of_another = !interface.machine_id.empty() &&
                              resource_key(interface.machine_id) != resource_key(item.id);
      if (of_another || !is_good(interface.group)) return std::nullopt;
      for (const auto& address : interface.addresses) {
        const auto* group = group_of(address.subnet_id);
        if (group == nullptr || !is_good(*group)) return std::nullopt;
        machine.paths.push_back(way_of(interface, address, *group));
      }
    }
    sort_ways(machine.paths);
    return machine;
  }

  model::ListedAddress listed(const InterfaceDocument& interface,
                              const InterfaceAddress& address) const {
    const auto* subnet_group = group_of(address.subnet_id);
    model::ListedAddress out{.address = address.address,
                             .interface_id = interface.id,
                             .machine_id = interface.machine_id,
                             .subnet_listed = subnet_group != nullptr};
    if (subnet_group != nullptr && *subnet_group) {
      out.groups.push_back(resource_key(**subnet_group));
    }
    if (interface.group) out.groups.push_back(resource_key(*interface.group));
    return out;
  }

  const InventoryLists& lists_;
  const IsGoodGroup& is_good_group_;
  std::unordered_map<std::string, const InterfaceDocument*> interfaces_;
  std::unordered_map<std::string, const std::optional<std::string>*> subnets_;
};

}  // namespace

model::Inventory put_together(const InventoryLists& lists, const IsGoodGroup& is_good_group) {
  return Assembly(lists, is_good_group).finish();
}

}  // namespace portcullis::cloud
