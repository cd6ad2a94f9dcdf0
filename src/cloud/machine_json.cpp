#include "cloud/machine_json.hpp"

#include <algorithm>

#include "model/resource_id.hpp"

namespace portcullis::cloud {
namespace {

tl::unexpected<Error> malformed(std::string what) {
  return fail(Error::Kind::malformed, std::move(what));
}

/// The "networkSecurityGroup" of a subnet or an interface.
Result<std::optional<std::string>> security_group(json::Element properties) {
  auto id = json::reference(properties, "networkSecurityGroup");
  if (id && id->empty()) return malformed("a reference to a security group has no id");
  return id;
}

/// A configuration may hold a whole block of addresses beside the usual single one.
std::optional<model::Prefix> private_address(json::Element properties) {
  std::string text(json::text(properties, "privateIPAddress").value_or(""));
  if (const auto length = json::member(properties, "privateIPAddressPrefixLength")) {
    std::int64_t number = 0;
    if (length->get(number) != simdjson::SUCCESS) return std::nullopt;
    if (text.find('/') == std::string::npos) text += '/' + std::to_string(number);
  }
  return model::parse_prefix(text);
}

Result<InterfaceAddress> read_configuration(json::Element configuration) {
  const auto properties = json::member(configuration, "properties");
  if (!properties) return malformed("an address configuration has no properties");
  const auto address = private_address(*properties);
  if (!address) return malformed("an address configuration has no readable private address");
  const auto subnet = json::reference(*properties, "subnet");
  if (!subnet || subnet->empty()) return malformed("an address configuration has no subnet");

  InterfaceAddress read;
  read.address = *address;
  read.subnet_id = *subnet;
  read.public_address_id = json::reference(*properties, "publicIPAddress").value_or("");
  if (const auto groups = json::member(*properties, "applicationSecurityGroups")) {
    json::Array items;
    if (groups->get(items) != simdjson::SUCCESS) {
      return malformed("application security groups are no list");
    }
    for (const json::Element item : items) {
      const auto id = json::text(item, "id");
      if (!id || id->empty()) return malformed("an application security group has no id");
      read.application_groups.push_back(model::resource_key(*id));
    }
  }
  std::ranges::sort(read.application_groups);
  return read;
}

Result<model::Tags> read_tags(json::Element machine) {
  model::Tags tags;
  const auto found = json::member(machine, "tags");
  if (!found) return tags;
  json::Object members;
  if (found->get(members) != simdjson::SUCCESS) return malformed("tags are no object");
  for (const auto member : members) {
    std::string_view value;
    if (member.value.get(value) != simdjson::SUCCESS) return malformed("a tag is no text");
    tags.emplace_back(member.key, value);
  }
  std::ranges::sort(tags);
  return tags;
}

}  // namespace

Result<MachineItem> read_machine_item(json::Element machine) {
  MachineItem read;
  read.id = json::text(machine, "id").value_or("");
  if (read.id.empty()) return malformed("a listed virtual machine has no id");
  auto tags = read_tags(machine);
  if (!tags) return fail(tags.error());
  read.tags = std::move(*tags);
  if (auto document = read_machine_document(machine)) read.document = std::move(*document);
  return read;
}

Result<NetworkItem> read_network_item(json::Element network) {
  NetworkItem read;
  read.id = json::text(network, "id").value_or("");
  const auto properties = json::member(network, "properties");
  if (read.id.empty() || !properties) return malformed("a virtual network has no id or properties");
  const auto subnets = json::array(*properties, "subnets");
  if (!subnets) return read;
  for (const json::Element subnet : *subnets) {
    const auto id = json::text(subnet, "id");
    auto group = read_subnet_group(subnet);
    if (!id || id->empty() || !group) {
      ++read.skipped;
      continue;
    }
    read.subnet_groups.insert_or_assign(model::resource_key(*id), std::move(*group));
  }
  return read;
}

model::NetworkPath way_of(const InterfaceDocument& interface, const InterfaceAddress& address,
                          std::optional<std::string> subnet_group) {
  model::NetworkPath path;
  path.interface_id = interface.id;
  path.address = address.address;
  path.subnet_group = std::move(subnet_group);
  path.interface_group = interface.group;
  path.application_groups = address.application_groups;
  return path;
}

void sort_ways(std::vector<model::NetworkPath>& ways) {
  std::ranges::sort(ways, {}, [](const model::NetworkPath& one) {
    return std::pair(one.address, model::resource_key(one.interface_id));
  });
}

Result<MachineDocument> read_machine_document(json::Element machine) {
  MachineDocument read;
  read.id = json::text(machine, "id").value_or("");
  read.name = json::text(machine, "name").value_or("");
  const auto properties = json::member(machine, "properties");
  if (read.id.empty() || read.name.empty() || !properties) {
    return malformed("a virtual machine has no id, name or properties");
  }
  read.vm_id = json::text(*properties, "vmId").value_or("");
  if (read.vm_id.empty()) return malformed("a virtual machine has no vmId");
  const auto profile = json::member(*properties, "networkProfile");
  const auto interfaces = profile ? json::array(*profile, "networkInterfaces") : std::nullopt;
  if (!interfaces || interfaces->size() == 0) {
    return malformed("a virtual machine has no network interfaces");
  }
  for (const json::Element interface : *interfaces) {
    read.interface_ids.emplace_back(json::text(interface, "id").value_or(""));
    if (read.interface_ids.back().empty()) return malformed("a network interface has no id");
  }
  auto tags = read_tags(machine);
  if (!tags) return fail(tags.error());
  read.tags = std::move(*tags);
  return read;
}

Result<InterfaceDocument> read_interface_document(json::Element interface) {
  InterfaceDocument read;
  read.id = json::text(interface, "id").value_or("");
  const auto properties = json::member(interface, "properties");
  if (read.id.empty() || !properties)
    return malformed("a network interface has no id or properties");
  read.machine_id = json::reference(*properties, "virtualMachine").value_or("");
  auto group = security_group(*properties);
  if (!group) return fail(group.error());
  read.group = std::move(*group);
  const auto configurations = json::array(*properties, "ipConfigurations");
  if (!configurations || configurations->size() == 0) {
    return malformed("a network interface has no address configurations");
  }
  for (const json::Element configuration : *configurations) {
    auto address = read_configuration(configuration);
    if (!address) return fail(address.error());
    read.addresses.push_back(std::move(*address));
  }
  return read;
}

Result<std::optional<std::string>> read_subnet_group(json::Element subnet) {
  const auto properties = json::member(subnet, "properties");
  if (!properties) return malformed("a subnet has no properties");
  return security_group(*properties);
}

std::string read_public_address(json::Element address) {
  const auto properties = json::member(address, "properties");
  if (!properties) return "";
  const auto text = json::text(*properties, "ipAddress");
  return text && model::parse_prefix(*text) ? std::string(*text) : "";
}

}  // namespace portcullis::cloud
