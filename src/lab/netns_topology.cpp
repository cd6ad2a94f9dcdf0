#include "lab/netns_topology.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "lab/netns_ways.hpp"

namespace portcullis::lab::netns {
namespace {

// The fabric's ends of all cables bear the same addresses: hosts need a next hop, not a subnet.
constexpr const char* kNextHop4 = "169.254.0.1";
constexpr const char* kNextHop6 = "fe80::1";

Host machine_host(const World& world, const Machine& machine, std::string key) {
  Host host{.key = std::move(key), .greeting = machine.name, .listens = machine.listens};
  for (const Way& way : ways_to(world, machine)) {
    host.addresses.push_back(way.address);
    if (way.public_address) host.translated.emplace(*way.public_address, way.address);
  }
  return host;
}

Result<Host> client_host(const Client& client) {
  Host host{.key = client.name, .greeting = client.name};
  for (const auto& text : client.addresses) {
    const auto address = parse_address(text);
    if (!address) {
      return fail(Error::Kind::invalid,
                  fmt::format("client {}: not an address: {}", client.name, text));
    }
    host.addresses.push_back(*address);
  }
  return host;
}

/// Names by which all hosts of a world are told apart, and nothing that occurs twice.
class Registry {
 public:
  explicit Registry(std::vector<Host>& hosts) : hosts_(hosts) {}

  bool has(const std::string& key) const { return keys_.contains(key); }

  Result<Done> add(Host host) {
    if (!keys_.insert(host.key).second) {
      return fail(Error::Kind::invalid, "two hosts are called " + host.key);
    }
    std::vector<Address> all = host.addresses;
    for (const auto& [outer, inner] : host.translated) {
      all.push_back(outer);
      if (outer.v6 != inner.v6) {
        return fail(Error::Kind::invalid,
                    fmt::format("{}: public {} and private {} are of two families", host.key,
                                to_string(outer), to_string(inner)));
      }
    }
    for (const Address& address : all) {
      const auto [at, fresh] = owners_.emplace(address, host.key);
      if (!fresh) {
        return fail(Error::Kind::invalid,
                    fmt::format("{} and {} both have the address {}: the packet lab has one fabric",
                                at->second, host.key, to_string(address)));
      }
    }
    hosts_.push_back(std::move(host));
    return Done{};
  }

 private:
  std::vector<Host>& hosts_;
  std::set<std::string> keys_;
  std::map<Address, std::string> owners_;
};

/// Gives each host the namespace that it had, or one that nobody has.
void number(std::vector<Host>& hosts, const std::string& name, const std::vector<Host>& known) {
  std::map<std::string, const Host*> before;
  std::set<std::string> taken;
  for (const Host& host : known) {
    before[host.key] = &host;
    taken.insert(host.space);
  }
  for (Host& host : hosts) {
    if (const auto same = before.find(host.key); same != before.end()) {
      host.space = same->second->space;
      host.link = same->second->link;
      continue;
    }
    const char* const kind = host.key.starts_with("vm/") ? "vm" : "cl";
    for (int n = 1; host.space.empty() || taken.contains(host.space); ++n) {
      host.space = fmt::format("pcl-{}-{}-{}", name, kind, n);
      host.link = fmt::format("{}{}", kind, n);
    }
    taken.insert(host.space);
  }
}

}  // namespace

bool is_lab_name(const std::string& name) {
  return !name.empty() && name.size() <= 40 &&
         std::all_of(name.begin(), name.end(), [](unsigned char letter) {
           return std::isalnum(letter) != 0 || letter == '-';
         });
}

std::string fabric_space(const std::string& name) { return fmt::format("pcl-{}-net", name); }

bool is_space_of(const std::string& space, const std::string& name) {
  if (space == fabric_space(name)) return true;
  for (const char* kind : {"vm", "cl"}) {
    const auto start = fmt::format("pcl-{}-{}-", name, kind);
    if (space.size() > start.size() && space.starts_with(start) &&
        space.find_first_not_of("0123456789", start.size()) == std::string::npos) {
      return true;
    }
  }
  return false;
}

Result<std::vector<Host>> plan_hosts(const World& world, const std::string& name,
                                     const std::vector<Host>& known) {
  std::vector<Host> hosts;
  Registry registry(hosts);
  for (const Client& client : world.clients) {
    if (client.name.starts_with("vm/")) {
      return fail(Error::Kind::invalid, "a client cannot be called " + client.name);
    }
    auto host = client_host(client);
    if (!host) return fail(host.error());
    if (auto added = registry.add(std::move(*host)); !added) return fail(added.error());
  }
  for (const Machine& machine : world.machines) {
    if (!machine.packets) continue;
    std::string key = "vm/" + machine.name;
    if (registry.has(key)) key = fmt::format("vm/{}/{}", machine.resource_group, machine.name);
    auto added = registry.add(machine_host(world, machine, std::move(key)));
    if (!added) return fail(added.error());
  }
  number(hosts, name, known);
  return hosts;
}

std::string cable_commands(const std::vector<Host>& hosts) {
  std::string text;
  for (const Host& host : hosts) {
    text += fmt::format("link add {} type veth peer name eth0 netns {}\n", host.link, host.space);
    text += fmt::format("link set {} addrgenmode none\n", host.link);
    text += fmt::format("addr add {}/32 dev {}\n", kNextHop4, host.link);
    text += fmt::format("addr add {}/64 dev {} nodad\n", kNextHop6, host.link);
    text += fmt::format("link set {} up\n", host.link);
    for (const Address& address : host.addresses) {
      text += fmt::format("route add {} dev {}\n", to_string(address), host.link);
    }
  }
  return text;
}

std::string host_commands(const Host& host) {
  std::string text = "link set lo up\nlink set eth0 addrgenmode none\n";
  for (const Address& address : host.addresses) {
    text += fmt::format("addr add {} dev eth0{}\n", to_string(address), address.v6 ? " nodad" : "");
  }
  text += "link set eth0 up\n";
  for (const bool v6 : {false, true}) {
    const auto has = std::any_of(host.addresses.begin(), host.addresses.end(),
                                 [&](const Address& address) { return address.v6 == v6; });
    if (!has) continue;
    text += fmt::format("route add default via {} dev eth0 onlink\n", v6 ? kNextHop6 : kNextHop4);
  }
  return text;
}

std::string fabric_filter(const std::vector<Host>& hosts) {
  std::string text =
      "table inet portcullis\ndelete table inet portcullis\ntable inet portcullis {\n"
      "  chain translate {\n    type nat hook prerouting priority dstnat; policy accept;\n";
  for (const Host& host : hosts) {
    for (const auto& [outer, inner] : host.translated) {
      const char* const ip = outer.v6 ? "ip6" : "ip";
      text += fmt::format("    {} daddr {} dnat {} to {}\n", ip, to_string(outer), ip,
                          to_string(inner));
    }
  }
  return text + "  }\n}\n";
}

}  // namespace portcullis::lab::netns
