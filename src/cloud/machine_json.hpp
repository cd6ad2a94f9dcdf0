#pragma once

#include <map>
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
Result<InterfaceDocument> read_interface_document(json::Element interface);

/// A machine of a list: `malformed` only without an id or with tags that are none.
struct MachineItem {
  std::string id{};
  model::Tags tags{};
  std::optional<MachineDocument> document{};  ///< if the rest is understood as well
};
Result<MachineItem> read_machine_item(json::Element machine);

/// A network of a list: the groups of its subnets, by `resource_key` of the subnet. A subnet that
/// is not understood is left out.
struct NetworkItem {
  std::string id{};
  std::map<std::string, std::optional<std::string>> subnet_groups{};
  std::size_t skipped = 0;
};
Result<NetworkItem> read_network_item(json::Element network);

/// One way to a machine: an address of one of its interfaces, in a subnet with that group.
model::NetworkPath way_of(const InterfaceDocument& interface, const InterfaceAddress& address,
                          std::optional<std::string> subnet_group);

/// Orders the ways as `model::VirtualMachine` has them.
void sort_ways(std::vector<model::NetworkPath>& ways);

/// The security group of a subnet, or nothing.
Result<std::optional<std::string>> read_subnet_group(json::Element subnet);

/// The address of a publicIPAddresses resource, or an empty text.
std::string read_public_address(json::Element address);

}  // namespace portcullis::cloud
