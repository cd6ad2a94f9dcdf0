#include "lab/netns_ways.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace portcullis::lab::netns {
namespace {

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

/// The pairs of an ARM id: type (in lower case) -> name.
std::map<std::string, std::string> parts_of(const std::string& id) {
  std::vector<std::string> segments;
  for (std::size_t at = 0; at < id.size();) {
    const auto end = std::min(id.find('/', at), id.size());
    if (end > at) segments.push_back(id.substr(at, end - at));
    at = end + 1;
  }
  std::map<std::string, std::string> parts;
  for (std::size_t i = 0; i + 1 < segments.size(); i += 2) {
    std::transform(segments[i].begin(), segments[i].end(), segments[i].begin(), lower);
    parts[segments[i]] = segments[i + 1];
  }
  return parts;
}

template <typename T>
const T* find(const std::vector<T>& all, const std::string& id, const std::string& type) {
  auto parts = parts_of(id);
  const auto found = std::find_if(all.begin(), all.end(), [&](const T& one) {
    return same_name(one.resource_group, parts["resourcegroups"]) &&
           same_name(one.name, parts[type]);
  });
  return found == all.end() ? nullptr : &*found;
}

void add_group(Way& way, const World& world, const std::optional<std::string>& id) {
  if (!id || id->empty()) return;
  const auto* group = find(world.groups, *id, "networksecuritygroups");
  if (group != nullptr) {
    way.groups.push_back(group);
  } else {
    way.broken = "no such NSG: " + *id;
  }
}

void add_subnet(Way& way, const World& world, const std::string& id) {
  const auto* network = find(world.networks, id, "virtualnetworks");
  const Subnet* own = nullptr;
  if (network != nullptr) {
    const auto name = parts_of(id)["subnets"];
    for (const Subnet& subnet : network->subnets) {
      if (same_name(subnet.name, name)) own = &subnet;
      for (const auto& text : subnet.prefixes) {
        if (const auto prefix = parse_prefix(text)) way.virtual_network.push_back(*prefix);
      }
    }
  }
  if (own == nullptr) {
    way.broken = "no such subnet: " + id;
    return;
  }
  way.virtual_network = disjoint(std::move(way.virtual_network));
  add_group(way, world, own->security_group);
}

}  // namespace

std::vector<Way> ways_to(const World& world, const Machine& machine) {
  std::vector<Way> ways;
  for (const auto& id : machine.interfaces) {
    const auto* nic = find(world.interfaces, id, "networkinterfaces");
    if (nic == nullptr) continue;
    for (const IpConfiguration& configuration : nic->configurations) {
      const auto address = parse_address(configuration.private_address);
      if (!address) continue;
      Way way{.machine = &machine,
              .address = *address,
              .public_address = parse_address(configuration.public_address),
              .application_groups = configuration.application_groups};
      add_subnet(way, world, configuration.subnet);
      add_group(way, world, nic->security_group);
      ways.push_back(std::move(way));
    }
  }
  return ways;
}

bool same_name(const std::string& left, const std::string& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace portcullis::lab::netns
