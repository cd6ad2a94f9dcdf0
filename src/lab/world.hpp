#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace portcullis::lab {

/// Everything the lab's cloud holds, as plain data. Made from the seed file; NSG rules change
/// through ARM calls and through the admin interface. Uses nothing of the product: a mistake there
/// must not stand in the judge as well. Names are compared as ARM does, letter case ignored.

/// A security rule exactly as ARM stores it: the JSON `properties` in ARM's normalised form.
struct Rule {
  std::string name;
  nlohmann::json properties;
};

struct SecurityGroup {
  std::string resource_group;
  std::string name;
  std::vector<Rule> rules{};  ///< in order of creation, as ARM lists them
  std::string provisioning_state = "Succeeded";
  std::uint64_t revision = 1;  ///< the etag is made of it
  std::string guid{};
  std::map<std::string, std::string> tags{};
  std::optional<bool> flush_connection{};
};

struct Subnet {
  std::string name;
  std::vector<std::string> prefixes;            ///< address prefixes, IPv4 and IPv6
  std::optional<std::string> security_group{};  ///< ARM id
};

struct VirtualNetwork {
  std::string resource_group;
  std::string name;
  std::vector<Subnet> subnets{};
};

struct IpConfiguration {
  std::string name;
  std::string private_address;
  std::string subnet;                             ///< ARM id
  std::string public_address{};                   ///< empty: none
  std::string public_name{};                      ///< of the public address's resource
  std::vector<std::string> application_groups{};  ///< ARM ids
};

struct Interface {
  std::string resource_group;
  std::string name;
  std::vector<IpConfiguration> configurations{};
  std::optional<std::string> security_group{};  ///< ARM id
};

struct Machine {
  std::string resource_group;
  std::string name;
  std::string vm_id;
  std::vector<std::string> interfaces{};  ///< ARM ids
  std::map<std::string, std::string> tags{};
  bool running = true;
  std::vector<std::uint16_t> listens{};  ///< TCP ports with a listener behind the NSGs
  bool packets = true;  ///< a dataplane makes a host of it; the judge knows it all the same
};

/// A host outside the cloud from which tests connect ("alice's laptop").
struct Client {
  std::string name;
  std::vector<std::string> addresses;  ///< IPv4 and IPv6
};

struct World {
  std::string subscription;
  std::string tenant;
  std::string location = "westeurope";
  std::vector<SecurityGroup> groups{};
  std::vector<VirtualNetwork> networks{};
  std::vector<Interface> interfaces{};
  std::vector<Machine> machines{};
  std::vector<Client> clients{};
  std::uint64_t last_revision = 1;  ///< of any group; never goes back
};

}  // namespace portcullis::lab
