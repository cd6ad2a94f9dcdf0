#pragma once

#include <functional>
#include <vector>

#include "cloud/machine_json.hpp"
#include "model/inventory.hpp"

namespace portcullis::cloud {

/// What three lists showed of a subscription.
struct InventoryLists {
  std::vector<MachineItem> machines{};
  std::vector<InterfaceDocument> interfaces{};
  std::vector<NetworkItem> networks{};
  std::size_t skipped = 0;
};

/// Puts machines, interfaces and subnets together. A machine is whole only if each interface that
/// it names is listed as its own, each subnet of those is listed, and all groups on the ways pass
/// `is_good_group`: then its direct reading would say the same.
model::Inventory put_together(const InventoryLists& lists,
                              const std::function<bool(const std::string& id)>& is_good_group);

}  // namespace portcullis::cloud
