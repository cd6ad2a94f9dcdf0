#include "lab/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace portcullis::lab {
namespace {

constexpr std::string_view network_provider = "Microsoft.Network";

std::string resource_id(const World& world, std::string_view resource_group,
                        std::string_view provider, std::string_view type, std::string_view name) {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/{}/{}/{}", world.subscription,
                     resource_group, provider, type, name);
}

std::uint64_t fnv1a(std::string_view text, std::uint64_t hash) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ull;
  }
  // FNV alone barely moves the high bits for short texts.
  hash ^= hash >> 31;
  hash *= 0x9e3779b97f4a7c15ull;
  return hash ^ (hash >> 29);
}

template <typename List>
auto find_named(List& list, std::string_view resource_group, std::string_view name)
    -> decltype(&list.front()) {
  const auto found = std::ranges::find_if(list, [&](const auto& item) {
    return same_name(item.resource_group, resource_group) && same_name(item.name, name);
  });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && lower(a) == lower(b);
}

std::string group_id(const World& world, std::string_view resource_group, std::string_view name) {
  return resource_id(world, resource_group, network_provider, "networkSecurityGroups", name);
}

std::string rule_id(const World& world, const SecurityGroup& group, std::string_view rule) {
  return id_of(world, group) + "/securityRules/" + std::string(rule);
}

std::string network_id(const World& world, std::string_view resource_group, std::string_view name) {
  return resource_id(world, resource_group, network_provider, "virtualNetworks", name);
}

std::string subnet_id(const World& world, const VirtualNetwork& network, std::string_view subnet) {
  return network_id(world, network.resource_group, network.name) + "/subnets/" +
         std::string(subnet);
}

std::string interface_id(const World& world, std::string_view resource_group,
                         std::string_view name) {
  return resource_id(world, resource_group, network_provider, "networkInterfaces", name);
}

std::string machine_id(const World& world, std::string_view resource_group, std::string_view name) {
  return resource_id(world, resource_group, "Microsoft.Compute", "virtualMachines", name);
}

std::string public_ip_id(const World& world, std::string_view resource_group,
                         std::string_view name) {
  return resource_id(world, resource_group, network_provider, "publicIPAddresses", name);
}

SecurityGroup* find_group(World& world, std::string_view resource_group, std::string_view name) {
  return find_named(world.groups, resource_group, name);
}

const SecurityGroup* find_group(const World& world, std::string_view resource_group,
                                std::string_view name) {
  return find_named(world.groups, resource_group, name);
}

SecurityGroup* find_group_by_id(World& world, std::string_view id) {
  const auto found = std::ranges::find_if(
      world.groups, [&](const SecurityGroup& group) { return same_name(id_of(world, group), id); });
  return found == world.groups.end() ? nullptr : &*found;
}

Rule* find_rule(SecurityGroup& group, std::string_view name) {
  const auto found = std::ranges::find_if(
      group.rules, [&](const Rule& rule) { return same_name(rule.name, name); });
  return found == group.rules.end() ? nullptr : &*found;
}

const Rule* find_rule(const SecurityGroup& group, std::string_view name) {
  const auto found = std::ranges::find_if(
      group.rules, [&](const Rule& rule) { return same_name(rule.name, name); });
  return found == group.rules.end() ? nullptr : &*found;
}

const Interface* find_interface_by_id(const World& world, std::string_view id) {
  const auto found = std::ranges::find_if(world.interfaces, [&](const Interface& nic) {
    return same_name(interface_id(world, nic.resource_group, nic.name), id);
  });
  return found == world.interfaces.end() ? nullptr : &*found;
}

Machine* find_machine(World& world, std::string_view resource_group, std::string_view name) {
  return find_named(world.machines, resource_group, name);
}

Interface* find_interface(World& world, std::string_view resource_group, std::string_view name) {
  return find_named(world.interfaces, resource_group, name);
}

std::string guid_of(std::string_view text) {
  const std::uint64_t a = fnv1a(text, 0xcbf29ce484222325ull);
  const std::uint64_t b = fnv1a(text, a ^ 0x2545f4914f6cdd1dull);
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff,
                     ((b >> 48) & 0x3fff) | 0x8000, b & 0xffffffffffffull);
}

std::string etag_of(const World& world, const SecurityGroup& group) {
  return fmt::format("W/\"{}\"",
                     guid_of(fmt::format("{}#{}", lower(id_of(world, group)), group.revision)));
}

}  // namespace portcullis::lab
