#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/world.hpp"

namespace portcullis::lab {

/// ASCII lower case: ARM compares names and ids without regard to letter case.
std::string lower(std::string_view text);
bool same_name(std::string_view a, std::string_view b);

/// ARM ids of what a world holds, as the lab writes them.
std::string group_id(const World& world, std::string_view resource_group, std::string_view name);
std::string rule_id(const World& world, const SecurityGroup& group, std::string_view rule);
std::string network_id(const World& world, std::string_view resource_group, std::string_view name);
std::string subnet_id(const World& world, const VirtualNetwork& network, std::string_view subnet);
std::string interface_id(const World& world, std::string_view resource_group,
                         std::string_view name);
std::string machine_id(const World& world, std::string_view resource_group, std::string_view name);
std::string public_ip_id(const World& world, std::string_view resource_group,
                         std::string_view name);
inline std::string id_of(const World& world, const SecurityGroup& group) {
  return group_id(world, group.resource_group, group.name);
}

/// Lookups; nullptr when there is none.
SecurityGroup* find_group(World& world, std::string_view resource_group, std::string_view name);
const SecurityGroup* find_group(const World& world, std::string_view resource_group,
                                std::string_view name);
SecurityGroup* find_group_by_id(World& world, std::string_view id);
Rule* find_rule(SecurityGroup& group, std::string_view name);
const Rule* find_rule(const SecurityGroup& group, std::string_view name);
const Interface* find_interface_by_id(const World& world, std::string_view id);
Machine* find_machine(World& world, std::string_view resource_group, std::string_view name);
Interface* find_interface(World& world, std::string_view resource_group, std::string_view name);

/// A GUID made of a text: the same text gives the same one, so that a run can be repeated.
std::string guid_of(std::string_view text);

/// The etag of a group, which is also that of each of its rules.
std::string etag_of(const World& world, const SecurityGroup& group);

}  // namespace portcullis::lab
