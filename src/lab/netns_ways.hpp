#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lab/netns_prefix.hpp"
#include "lab/world.hpp"

namespace portcullis::lab::netns {

/// One private address of a machine and what a packet for it has to pass. Points into the World it
/// was made from.
struct Way {
  const Machine* machine = nullptr;
  Address address;                                ///< the private one, which NSGs see
  std::optional<Address> public_address{};        ///< translated to `address` before any NSG
  std::vector<std::string> application_groups{};  ///< ARM ids
  std::vector<Prefix> virtual_network{};          ///< of all subnets of its virtual network
  std::vector<const SecurityGroup*> groups{};  ///< in the order of inbound judging: subnet's, NIC's
  std::string broken{};  ///< not empty: the world names something on the way that it does not hold
};

/// The ways to all private addresses of a machine, in the order of its interfaces. A machine whose
/// interface does not exist simply has none there.
std::vector<Way> ways_to(const World& world, const Machine& machine);

/// As ARM compares names and ids.
bool same_name(const std::string& left, const std::string& right);

}  // namespace portcullis::lab::netns
