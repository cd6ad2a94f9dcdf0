#include "lab/seed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "lab/address.hpp"
#include "lab/names.hpp"
#include "lab/rule_form.hpp"
#include "lab/seed_node.hpp"
#include "lab/wire.hpp"

namespace portcullis::lab {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, '/');) parts.push_back(part);
  return parts;
}

void put_values(Json& properties, const char* singular, const char* plural,
                const std::vector<std::string>& values) {
  if (values.size() == 1) {
    properties[singular] = values.front();
  } else if (values.empty()) {
    properties[singular] = "*";
  } else {
    properties[plural] = values;
  }
}

Rule read_rule(const SeedNode& node, const std::string& name) {
  node.expect_members({"name", "priority", "access", "direction", "protocol", "source", "sources",
                       "sourcePorts", "destination", "destinations", "ports", "description",
                       "sourceGroups", "destinationGroups"});
  Json properties = {{"priority", node.number("priority", 100, 4096)},
                     {"access", node.text("access")},
                     {"direction", node.text_or("direction", "Inbound")},
                     {"protocol", node.text_or("protocol", "*")}};
  if (same_name(properties["protocol"].get<std::string>(), "any")) properties["protocol"] = "*";
  if (node.has("description")) properties["description"] = node.text("description");
  for (const auto& [member, property] :
       {std::pair{"sourceGroups", "sourceApplicationSecurityGroups"},
        std::pair{"destinationGroups", "destinationApplicationSecurityGroups"}}) {
    for (const std::string& id : node.texts(member)) properties[property].push_back({{"id", id}});
  }
  const auto sources = node.texts_of_either("source", "sources");
  const auto destinations = node.texts_of_either("destination", "destinations");
  if (!sources.empty() || !node.has("sourceGroups")) {
    put_values(properties, "sourceAddressPrefix", "sourceAddressPrefixes", sources);
  }
  if (!destinations.empty() || !node.has("destinationGroups")) {
    put_values(properties, "destinationAddressPrefix", "destinationAddressPrefixes", destinations);
  }
  put_values(properties, "sourcePortRange", "sourcePortRanges", node.texts("sourcePorts"));
  put_values(properties, "destinationPortRange", "destinationPortRanges", node.texts("ports"));
  if (refuse_rule_name(name)) node.fail(fmt::format("'{}' is no name of a rule", name));
  auto stored = normalise_rule(properties, name);
  if (!stored) {
    const Json error = Json::parse(stored.error().body)["error"];
    const Json details = error.value("details", Json::array());
    const Json& most_exact = details.empty() ? error : details.front();
    node.fail(most_exact.value("message", ""));
  }
  (*stored)["provisioningState"] = "Succeeded";
  return {name, std::move(*stored)};
}

void read_groups(const SeedNode& root, World& world) {
  for (const SeedNode& node : root.items("nsgs")) {
    node.expect_members({"resourceGroup", "name", "rules", "tags"});
    SecurityGroup group{.resource_group = node.text("resourceGroup"), .name = node.text("name")};
    if (find_group(world, group.resource_group, group.name) != nullptr) {
      node.fail(fmt::format("NSG {}/{} is there twice", group.resource_group, group.name));
    }
    for (const SeedNode& rule : node.items("rules")) {
      const std::string name = rule.text("name");
      if (find_rule(group, name) != nullptr) rule.fail(fmt::format("rule {} is there twice", name));
      group.rules.push_back(read_rule(rule, name));
      if (auto refused = refuse_group(world, group, name)) {
        rule.fail(Json::parse(refused->body)["error"].value("message", ""));
      }
    }
    group.tags = node.text_map("tags");
    group.guid = guid_of("guid-" + lower(id_of(world, group)));
    world.groups.push_back(std::move(group));
  }
}

std::string group_reference(const SeedNode& node, const World& world, const std::string& here) {
  const SeedNode reference = node.at("nsg");
  const std::string id = resolve_group(world, reference.text(), here);
  if (id.empty()) {
    reference.fail(fmt::format("there is no NSG '{}', or more than one: say resourceGroup/name",
                               reference.text()));
  }
  return id;
}

void read_networks(const SeedNode& root, World& world) {
  for (const SeedNode& node : root.items("networks")) {
    node.expect_members({"resourceGroup", "name", "subnets"});
    VirtualNetwork network{.resource_group = node.text("resourceGroup"), .name = node.text("name")};
    for (const SeedNode& item : node.items("subnets")) {
      item.expect_members({"name", "prefix", "prefixes", "nsg"});
      Subnet subnet{.name = item.text("name"),
                    .prefixes = item.texts_of_either("prefix", "prefixes")};
      if (subnet.prefixes.empty()) item.fail("field 'prefixes' is missing");
      for (const std::string& prefix : subnet.prefixes) {
        const auto address = parse_address(prefix);
        if (!address || has_host_bits(*address))
          item.fail(fmt::format("'{}' is no prefix", prefix));
      }
      if (item.has("nsg")) {
        subnet.security_group = group_reference(item, world, network.resource_group);
      }
      network.subnets.push_back(std::move(subnet));
    }
    world.networks.push_back(std::move(network));
  }
}

std::string subnet_reference(const SeedNode& node, const World& world) {
  const SeedNode reference = node.at("subnet");
  auto parts = split(reference.text());
  const std::string group = parts.size() == 3 ? parts.front() : "";
  if (parts.size() == 3) parts.erase(parts.begin());
  std::string found;
  for (const VirtualNetwork& network : world.networks) {
    if (parts.size() != 2 || !same_name(network.name, parts[0])) continue;
    if (!group.empty() && !same_name(network.resource_group, group)) continue;
    for (const Subnet& subnet : network.subnets) {
      if (same_name(subnet.name, parts[1])) found = subnet_id(world, network, subnet.name);
    }
  }
  if (found.empty()) {
    reference.fail(fmt::format("there is no subnet '{}': say network/subnet", reference.text()));
  }
  return found;
}

Interface read_interface(const SeedNode& node, const World& world, const std::string& group) {
  node.expect_members({"name", "resourceGroup", "nsg", "ip", "subnet", "publicIP", "asgs"});
  Interface nic{.resource_group = node.text_or("resourceGroup", group), .name = node.text("name")};
  if (node.has("nsg")) nic.security_group = group_reference(node, world, nic.resource_group);
  const std::string subnet = subnet_reference(node, world);
  const auto addresses = node.texts("ip");
  if (addresses.empty()) node.fail("field 'ip' is missing");
  const std::string public_address = node.text_or("publicIP", "");
  const auto outside = parse_address(public_address);
  if (!public_address.empty() && !outside) node.at("publicIP").fail("no address");
  for (const std::string& address : addresses) {
    const auto parsed = parse_address(address);
    if (!parsed || address.find('/') != std::string::npos) {
      node.at("ip").fail(fmt::format("'{}' is no address", address));
    }
    IpConfiguration configuration{
        .name = nic.configurations.empty()
                    ? "ipconfig1"
                    : fmt::format("ipconfig{}", nic.configurations.size() + 1),
        .private_address = address,
        .subnet = subnet,
        .application_groups = node.texts("asgs")};
    const bool has_public = std::ranges::any_of(
        nic.configurations, [](const auto& other) { return !other.public_name.empty(); });
    if (outside && outside->v6 == parsed->v6 && !has_public) {
      configuration.public_address = public_address;
      configuration.public_name = nic.name + "-pip";
    }
    nic.configurations.push_back(std::move(configuration));
  }
  return nic;
}

void read_machine(const SeedNode& node, World& world) {
  node.expect_members(
      {"resourceGroup", "name", "listens", "running", "packets", "tags", "nics", "vmID"});
  Machine machine{
      .resource_group = node.text("resourceGroup"), .name = node.text("name"), .vm_id = {}};
  const std::string id = machine_id(world, machine.resource_group, machine.name);
  machine.vm_id = node.text_or("vmID", guid_of("vm-" + lower(id)));
  machine.running = node.flag_or("running", true);
  machine.packets = node.flag_or("packets", true);
  for (const std::string& port : node.texts("listens")) {
    const auto number = std::strtoul(port.c_str(), nullptr, 10);
    if (number == 0 || number > 65535)
      node.at("listens").fail(fmt::format("'{}' is no port", port));
    machine.listens.push_back(static_cast<std::uint16_t>(number));
  }
  machine.tags = node.text_map("tags");
  std::vector<Interface> nics;
  for (const SeedNode& item : node.items("nics")) {
    nics.push_back(read_interface(item, world, machine.resource_group));
    machine.interfaces.push_back(interface_id(world, nics.back().resource_group, nics.back().name));
  }
  for (Interface& nic : nics) {
    if (Interface* old = find_interface(world, nic.resource_group, nic.name)) {
      *old = std::move(nic);
    } else {
      world.interfaces.push_back(std::move(nic));
    }
  }
  if (Machine* old = find_machine(world, machine.resource_group, machine.name)) {
    *old = std::move(machine);
  } else {
    world.machines.push_back(std::move(machine));
  }
}

Json to_json(const SeedNode& map) {
  Json out = Json::object();
  for (const auto& entry : map.node()) {
    const auto text = entry.second.as<std::string>();
    // Numbers and flags keep their type: settings are checked as JSON.
    const Json value = Json::parse(text, nullptr, false);
    out[entry.first.as<std::string>()] =
        value.is_number() || value.is_boolean() ? value : Json(text);
  }
  return out;
}

void read_rest(const SeedNode& root, Seed& seed) {
  for (const SeedNode& node : root.items("clients")) {
    node.expect_members({"name", "address", "addresses"});
    Client client{.name = node.text("name"),
                  .addresses = node.texts_of_either("address", "addresses")};
    if (client.addresses.empty()) node.fail("field 'addresses' is missing");
    for (const std::string& address : client.addresses) {
      if (!parse_address(address)) node.fail(fmt::format("'{}' is no address", address));
    }
    seed.world.clients.push_back(std::move(client));
  }
  for (const SeedNode& node : root.items("credentials")) {
    node.expect_members({"clientID", "secret", "federatedToken"});
    seed.credentials.push_back({node.text_or("clientID", ""), node.text_or("secret", ""),
                                node.text_or("federatedToken", "")});
  }
  for (const SeedNode& node : root.items("locks")) {
    node.expect_members({"name", "scope", "level"});
    const std::string level = node.text("level");
    if (level != "CanNotDelete" && level != "ReadOnly") {
      node.at("level").fail("CanNotDelete or ReadOnly");
    }
    seed.locks.push_back({node.text_or("name", "lock"), node.text("scope"), level});
  }
  seed.resource_groups = root.texts("resourceGroups");
  if (root.has("settings")) {
    const SeedNode node = root.at("settings");
    if (!node.node().IsMap()) node.fail("a map is expected here");
    if (const auto problem = change(seed.settings, to_json(node))) node.fail(*problem);
  }
}

Seed read_root(const SeedNode& root) {
  root.expect_members({"subscription", "tenant", "location", "clients", "credentials", "networks",
                       "nsgs", "vms", "locks", "resourceGroups", "settings"});
  Seed seed;
  seed.world.subscription = root.text("subscription");
  seed.world.tenant = root.text("tenant");
  seed.world.location = root.text_or("location", seed.world.location);
  read_rest(root, seed);
  read_groups(root, seed.world);
  read_networks(root, seed.world);
  for (const SeedNode& node : root.items("vms")) {
    if (find_machine(seed.world, node.text("resourceGroup"), node.text("name")) != nullptr) {
      node.fail("there twice");
    }
    read_machine(node, seed.world);
  }
  return seed;
}

/// Runs a reader on a text; what it throws becomes an Error that says where.
template <typename Read>
auto read_text(const std::string& text, const std::string& file, Read read)
    -> Result<decltype(read(std::declval<const SeedNode&>()))> {
  try {
    return read(SeedNode(YAML::Load(text), "", 1));
  } catch (const SeedError& error) {
    return fail(Error::Kind::invalid, fmt::format("{}:{}: {}", file, error.line, error.what()));
  } catch (const YAML::Exception& error) {
    return fail(Error::Kind::invalid,
                fmt::format("{}:{}: {}", file, error.mark.line + 1, error.msg));
  }
}

}  // namespace

std::string resolve_group(const World& world, const std::string& reference,
                          const std::string& resource_group) {
  const auto parts = split(reference);
  if (parts.size() == 2) {
    return find_group(world, parts[0], parts[1]) != nullptr ? group_id(world, parts[0], parts[1])
                                                            : "";
  }
  if (find_group(world, resource_group, reference) != nullptr) {
    return group_id(world, resource_group, reference);
  }
  std::string found;
  for (const SecurityGroup& group : world.groups) {
    if (!same_name(group.name, reference)) continue;
    if (!found.empty()) return {};
    found = id_of(world, group);
  }
  return found;
}

Result<Seed> read_seed(const std::string& text, const std::string& file) {
  return read_text(text, file, [](const SeedNode& root) { return read_root(root); });
}

Result<Seed> read_seed_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(Error::Kind::not_found, "cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return read_seed(text.str(), path);
}

Result<Rule> read_short_rule(const std::string& text, const std::string& name) {
  return read_text(text, "rule", [&](const SeedNode& root) { return read_rule(root, name); });
}

Result<Done> add_machine(World& world, const std::string& text) {
  return read_text(text, "machine", [&](const SeedNode& root) {
    World changed = world;
    read_machine(root, changed);
    world = std::move(changed);
    return Done{};
  });
}

}  // namespace portcullis::lab
