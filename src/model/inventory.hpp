#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "model/prefix.hpp"
#include "model/virtual_machine.hpp"

namespace portcullis::model {

/// A virtual machine as lists show it.
struct ListedMachine {
  std::string id;  ///< as the cloud spells it
  Tags tags{};
  /// What a direct reading would say if the lists are right; nothing where they do not show all
  /// that is on the machine's ways. Without public addresses.
  std::optional<VirtualMachine> whole{};
};

/// A private address of a network interface, whoever has it.
struct ListedAddress {
  Prefix address{};
  std::string interface_id{};
  std::string machine_id{};           ///< empty: it is no machine's
  std::vector<std::string> groups{};  ///< `resource_key`s of the NSGs that stand before it
  bool subnet_listed = false;         ///< else the subnet's group may be one more
};

/// A subscription as its lists show it: never more than the truth of a moment ago, and less where
/// something may not be seen or is not understood. It proves no absence.
struct Inventory {
  std::vector<ListedMachine> machines{};
  std::vector<ListedAddress> addresses{};
  std::size_t skipped = 0;  ///< items that were left out, since they are not understood
};

}  // namespace portcullis::model
