#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cloud/json.hpp"
#include "model/prefix.hpp"
#include "model/virtual_machine.hpp"

namespace portcullis::cloud {

// The resources that make up a virtual machine's way to the network, as far as it matters here
// (Compute 2024-07-01, Network 2024-05-01). What cannot be understood is `malformed`: a path left
// out would look like no way in.

struct MachineDocument {
  std::string id{};
  std::string name{};
  std::string vm_id{};
  std::vector<std::string> interface_ids{};  ///< at least one
  model::Tags tags{};                        ///< sorted
};

struct InterfaceAddress {
  model::Prefix address{};  ///< a block only if the configuration holds one
  std::string subnet_id{};
  std::vector<std::string> application_groups{};  ///< lower case, sorted
  std::string public_address_id{};                ///< or empty
};

struct InterfaceDocument {
  std::string id{};
  std::string machine_id{};            ///< whose it is; empty if it does not say
  std::optional<std::string> group{};  ///< its own security group
  std::vector<InterfaceAddress> addresses{};
};

Result<MachineDocument> read_machine_document(json::Element machine);
Result<model::ListedMachine> read_listed_machine(json::Element machine);
Result<InterfaceDocument> read_interface_document(json::Element interface);

/// The security group of a subnet, or nothing.
Result<std::optional<std::string>> read_subnet_group(json::Element subnet);

/// The address of a publicIPAddresses resource, or an empty text.
std::string read_public_address(json::Element address);

}  // namespace portcullis::cloud
