#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/world.hpp"

namespace portcullis::lab {

inline std::string network_id(const std::string& rest) {
  return "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/" + rest;
}

/// An inbound rule in ARM's form for one source and port; `more` overwrites members.
inline Rule inbound(std::string name, int priority, const std::string& access,
                    const std::string& source, const std::string& port,
                    const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json properties{{"direction", "Inbound"},
                            {"priority", priority},
                            {"access", access},
                            {"protocol", "Tcp"},
                            {"sourceAddressPrefix", source},
                            {"sourceAddressPrefixes", nlohmann::json::array()},
                            {"sourcePortRange", "*"},
                            {"sourcePortRanges", nlohmann::json::array()},
                            {"destinationAddressPrefix", "*"},
                            {"destinationAddressPrefixes", nlohmann::json::array()},
                            {"destinationPortRange", port},
                            {"destinationPortRanges", nlohmann::json::array()}};
  properties.merge_patch(more);
  return {.name = std::move(name), .properties = std::move(properties)};
}

inline SecurityGroup& group(World& world, const std::string& name) {
  for (auto& one : world.groups) {
    if (one.name == name) return one;
  }
  return world.groups.emplace_back(SecurityGroup{.resource_group = "net", .name = name});
}

/// Adds a machine with one IPv4 and one IPv6 address, each on a configuration of one NIC.
inline Machine& add_machine(World& world, const std::string& name, const std::string& subnet,
                            const std::string& v4, const std::string& v6,
                            std::optional<std::string> nsg = {}, const std::string& public4 = "",
                            const std::string& public6 = "") {
  if (nsg) nsg = network_id("networkSecurityGroups/" + *nsg);
  const auto subnet_id = network_id("virtualNetworks/hub/subnets/" + subnet);
  world.interfaces.push_back(
      {.resource_group = "net",
       .name = name + "-nic",
       .configurations =
           {{.name = "four", .private_address = v4, .subnet = subnet_id, .public_address = public4},
            {.name = "six", .private_address = v6, .subnet = subnet_id, .public_address = public6}},
       .security_group = nsg});
  return world.machines.emplace_back(
      Machine{.resource_group = "apps",
              .name = name,
              .vm_id = name + "-id",
              .interfaces = {network_id("networkInterfaces/" + name + "-nic")},
              .listens = {22, 80}});
}

/// Machines behind a NIC's NSG (nic-vm), a subnet's (subnet-vm), both (both-vm) and none (open-vm);
/// the NSGs are called nic and subnet and have no rules yet. Clients alice and bob.
inline World sample_world() {
  World world{.subscription = "s", .tenant = "t"};
  group(world, "nic");
  group(world, "subnet");
  world.networks.push_back(
      {.resource_group = "net",
       .name = "hub",
       .subnets = {{.name = "bare", .prefixes = {"10.0.1.0/24", "fd00:0:0:1::/64"}},
                   {.name = "guarded",
                    .prefixes = {"10.0.2.0/24", "fd00:0:0:2::/64"},
                    .security_group = network_id("networkSecurityGroups/SUBNET")}}});
  add_machine(world, "nic-vm", "bare", "10.0.1.4", "fd00:0:0:1::4", "nic", "20.0.0.4",
              "2001:db8:20::4");
  add_machine(world, "subnet-vm", "guarded", "10.0.2.5", "fd00:0:0:2::5");
  add_machine(world, "both-vm", "guarded", "10.0.2.6", "fd00:0:0:2::6", "nic", "20.0.0.6");
  add_machine(world, "open-vm", "bare", "10.0.1.7", "fd00:0:0:1::7");
  world.clients = {{.name = "alice", .addresses = {"203.0.113.7", "2001:db8:1::7"}},
                   {.name = "bob", .addresses = {"198.51.100.9", "2001:db8:2::9"}}};
  return world;
}

}  // namespace portcullis::lab
