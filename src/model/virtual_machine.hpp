#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/prefix.hpp"

namespace portcullis::model {

/// One private address of a machine and what inbound traffic to it has to pass.
struct NetworkPath {
  std::string interface_id{};
  Prefix address{};
  std::optional<std::string> subnet_group{};     ///< NSG id; inbound passes this one first
  std::optional<std::string> interface_group{};  ///< NSG id
  std::vector<std::string>
      application_groups{};      ///< application security groups, lower case, sorted
  std::string public_address{};  ///< for messages only; may be empty

  bool operator==(const NetworkPath&) const = default;
};

/// Name and value. ARM compares the names without regard to case, the values as they are.
using Tags = std::vector<std::pair<std::string, std::string>>;

/// A virtual machine as one complete reading showed it: VM, all NICs, all their subnets.
struct VirtualMachine {
  std::string id;     ///< as the cloud spells it
  std::string vm_id;  ///< properties.vmId: a machine re-created under the name has another
  std::string name;
  std::string resource_group;
  std::vector<NetworkPath> paths{};  ///< sorted by address
  Tags tags{};                       ///< sorted

  bool operator==(const VirtualMachine&) const = default;
};

}  // namespace portcullis::model
