#pragma once

#include <nlohmann/json.hpp>

#include "lab/world.hpp"

namespace portcullis::lab {

/// The resources of a world as ARM's JSON. Ids differ in letter case between resources, as they do
/// in the real one: Compute's lists spell the resource group in capitals.
nlohmann::json rule_view(const World& world, const SecurityGroup& group, const Rule& rule);
nlohmann::json default_rules_view(const World& world, const SecurityGroup& group);
nlohmann::json group_view(const World& world, const SecurityGroup& group);
nlohmann::json subnet_view(const World& world, const VirtualNetwork& network, const Subnet& subnet);
nlohmann::json network_view(const World& world, const VirtualNetwork& network);
nlohmann::json interface_view(const World& world, const Interface& interface);
nlohmann::json public_ip_view(const World& world, const Interface& interface,
                              const IpConfiguration& configuration);

enum class MachineView { get, list };
nlohmann::json machine_view(const World& world, const Machine& machine, MachineView view,
                            bool with_instance);
nlohmann::json instance_view(const Machine& machine);

}  // namespace portcullis::lab
