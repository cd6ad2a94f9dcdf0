#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "lab/netns_prefix.hpp"
#include "lab/world.hpp"

namespace portcullis::lab::netns {

/// One network namespace: a machine or a client, and its cable to the fabric.
struct Host {
  std::string key;         ///< client's name, or "vm/<name>"
  std::string space{};     ///< the namespace's name
  std::string link{};      ///< the fabric's end of the cable; the host's end is eth0
  std::string greeting{};  ///< what listeners call it
  std::vector<Address> addresses{};
  std::map<Address, Address> translated{};  ///< public -> private
  std::vector<std::uint16_t> listens{};
  bool operator==(const Host&) const = default;
};

/// Letters, digits and dashes, short enough for file names.
bool is_lab_name(const std::string& name);

std::string fabric_space(const std::string& name);

/// Whether a namespace called `space` is of the lab `name`, and of no other.
bool is_space_of(const std::string& space, const std::string& name);

/// The hosts of a world: clients, then machines. Hosts that are in `known` keep their numbers. A
/// machine whose name another one bears too has the key "vm/<resource group>/<name>", but the
/// first. Fails with `invalid` where an address or name occurs twice: one fabric cannot tell them
/// apart.
Result<std::vector<Host>> plan_hosts(const World& world, const std::string& name,
                                     const std::vector<Host>& known);

/// Text for `ip -n FABRIC -batch -`: the cables of these hosts and the routes to them.
std::string cable_commands(const std::vector<Host>& hosts);

/// Text for `ip -n HOST -batch -`: addresses and the way out.
std::string host_commands(const Host& host);

/// The fabric's nftables ruleset: public addresses become private ones, sources stay what they are.
std::string fabric_filter(const std::vector<Host>& hosts);

}  // namespace portcullis::lab::netns
