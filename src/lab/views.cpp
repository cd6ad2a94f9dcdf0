#include "lab/views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/address.hpp"
#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

using Json = nlohmann::json;

Json reference(const std::string& id) { return {{"id", id}}; }

const Machine* machine_of(const World& world, const std::string& interface) {
  for (const Machine& machine : world.machines) {
    for (const std::string& id : machine.interfaces) {
      if (same_name(id, interface)) return &machine;
    }
  }
  return nullptr;
}

std::string etag_of_fixed(const std::string& id) { return fmt::format("W/\"{}\"", guid_of(id)); }

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

/// What rules every NSG has below its own.
struct DefaultRule {
  const char* name;
  const char* description;
  int priority;
  const char* access;
  const char* direction;
  const char* source;
  const char* destination;
};
constexpr std::array default_rules = {
    DefaultRule{"AllowVnetInBound", "Allow inbound traffic from all VMs in VNET", 65000, "Allow",
                "Inbound", "VirtualNetwork", "VirtualNetwork"},
    DefaultRule{"AllowAzureLoadBalancerInBound", "Allow inbound traffic from azure load balancer",
                65001, "Allow", "Inbound", "AzureLoadBalancer", "*"},
    DefaultRule{"DenyAllInBound", "Deny all inbound traffic", 65500, "Deny", "Inbound", "*", "*"},
    DefaultRule{"AllowVnetOutBound", "Allow outbound traffic from all VMs to all VMs in VNET",
                65000, "Allow", "Outbound", "VirtualNetwork", "VirtualNetwork"},
    DefaultRule{"AllowInternetOutBound", "Allow outbound traffic from all VMs to Internet", 65001,
                "Allow", "Outbound", "*", "Internet"},
    DefaultRule{"DenyAllOutBound", "Deny all outbound traffic", 65500, "Deny", "Outbound", "*",
                "*"}};

}  // namespace

Json rule_view(const World& world, const SecurityGroup& group, const Rule& rule) {
  Json properties = rule.properties;
  if (!properties.contains("provisioningState")) properties["provisioningState"] = "Succeeded";
  return {{"name", rule.name},
          {"id", rule_id(world, group, rule.name)},
          {"etag", etag_of(world, group)},
          {"type", "Microsoft.Network/networkSecurityGroups/securityRules"},
          {"properties", std::move(properties)}};
}

Json default_rules_view(const World& world, const SecurityGroup& group) {
  Json out = Json::array();
  for (const DefaultRule& rule : default_rules) {
    out.push_back({{"name", rule.name},
                   {"id", id_of(world, group) + "/defaultSecurityRules/" + rule.name},
                   {"etag", etag_of(world, group)},
                   {"type", "Microsoft.Network/networkSecurityGroups/defaultSecurityRules"},
                   {"properties",
                    {{"provisioningState", "Succeeded"},
                     {"description", rule.description},
                     {"protocol", "*"},
                     {"sourcePortRange", "*"},
                     {"destinationPortRange", "*"},
                     {"sourceAddressPrefix", rule.source},
                     {"destinationAddressPrefix", rule.destination},
                     {"access", rule.access},
                     {"priority", rule.priority},
                     {"direction", rule.direction},
                     {"sourcePortRanges", Json::array()},
                     {"destinationPortRanges", Json::array()},
                     {"sourceAddressPrefixes", Json::array()},
                     {"destinationAddressPrefixes", Json::array()}}}});
  }
  return out;
}

Json group_view(const World& world, const SecurityGroup& group) {
  const std::string id = id_of(world, group);
  Json rules = Json::array();
  for (const Rule& rule : group.rules) rules.push_back(rule_view(world, group, rule));
  Json properties = {{"provisioningState", group.provisioning_state},
                     {"resourceGuid", group.guid},
                     {"securityRules", std::move(rules)},
                     {"defaultSecurityRules", default_rules_view(world, group)}};
  if (group.flush_connection) properties["flushConnection"] = *group.flush_connection;
  for (const Interface& nic : world.interfaces) {
    if (nic.security_group && same_name(*nic.security_group, id)) {
      properties["networkInterfaces"].push_back(
          reference(interface_id(world, nic.resource_group, nic.name)));
    }
  }
  for (const VirtualNetwork& network : world.networks) {
    for (const Subnet& subnet : network.subnets) {
      if (subnet.security_group && same_name(*subnet.security_group, id)) {
        properties["subnets"].push_back(reference(subnet_id(world, network, subnet.name)));
      }
    }
  }
  Json out = {{"name", group.name},
              {"id", id},
              {"etag", etag_of(world, group)},
              {"type", "Microsoft.Network/networkSecurityGroups"},
              {"location", world.location},
              {"properties", std::move(properties)}};
  if (!group.tags.empty()) out["tags"] = group.tags;
  return out;
}

Json subnet_view(const World& world, const VirtualNetwork& network, const Subnet& subnet) {
  const std::string id = subnet_id(world, network, subnet.name);
  Json properties = {{"provisioningState", "Succeeded"},
                     {"delegations", Json::array()},
                     {"privateEndpointNetworkPolicies", "Disabled"},
                     {"privateLinkServiceNetworkPolicies", "Enabled"}};
  if (subnet.prefixes.size() == 1) {
    properties["addressPrefix"] = subnet.prefixes.front();
  } else {
    properties["addressPrefixes"] = subnet.prefixes;
  }
  if (subnet.security_group) properties["networkSecurityGroup"] = reference(*subnet.security_group);
  for (const Interface& nic : world.interfaces) {
    for (const IpConfiguration& configuration : nic.configurations) {
      if (!same_name(configuration.subnet, id)) continue;
      properties["ipConfigurations"].push_back(
          reference(interface_id(world, nic.resource_group, nic.name) + "/ipConfigurations/" +
                    configuration.name));
    }
  }
  return {{"name", subnet.name},
          {"id", id},
          {"etag", etag_of_fixed(id)},
          {"type", "Microsoft.Network/virtualNetworks/subnets"},
          {"properties", std::move(properties)}};
}

Json network_view(const World& world, const VirtualNetwork& network) {
  const std::string id = network_id(world, network.resource_group, network.name);
  Json subnets = Json::array();
  Json prefixes = Json::array();
  for (const Subnet& subnet : network.subnets) {
    subnets.push_back(subnet_view(world, network, subnet));
    for (const std::string& prefix : subnet.prefixes) prefixes.push_back(prefix);
  }
  return {{"name", network.name},
          {"id", id},
          {"etag", etag_of_fixed(id)},
          {"type", "Microsoft.Network/virtualNetworks"},
          {"location", world.location},
          {"properties",
           {{"provisioningState", "Succeeded"},
            {"resourceGuid", guid_of("guid-" + lower(id))},
            {"addressSpace", {{"addressPrefixes", std::move(prefixes)}}},
            {"subnets", std::move(subnets)},
            {"virtualNetworkPeerings", Json::array()},
            {"enableDdosProtection", false}}}};
}

Json interface_view(const World& world, const Interface& interface) {
  const std::string id = interface_id(world, interface.resource_group, interface.name);
  Json configurations = Json::array();
  for (const IpConfiguration& configuration : interface.configurations) {
    const auto address = parse_address(configuration.private_address);
    Json properties = {{"provisioningState", "Succeeded"},
                       {"privateIPAddress", configuration.private_address},
                       {"privateIPAllocationMethod", "Static"},
                       {"privateIPAddressVersion", address && address->v6 ? "IPv6" : "IPv4"},
                       {"subnet", reference(configuration.subnet)},
                       {"primary", configurations.empty()}};
    if (!configuration.public_name.empty()) {
      properties["publicIPAddress"] =
          reference(public_ip_id(world, interface.resource_group, configuration.public_name));
    }
    for (const std::string& group : configuration.application_groups) {
      properties["applicationSecurityGroups"].push_back(reference(group));
    }
    configurations.push_back({{"name", configuration.name},
                              {"id", id + "/ipConfigurations/" + configuration.name},
                              {"etag", etag_of_fixed(id)},
                              {"type", "Microsoft.Network/networkInterfaces/ipConfigurations"},
                              {"properties", std::move(properties)}});
  }
  const Machine* machine = machine_of(world, id);
  Json properties = {{"provisioningState", "Succeeded"},
                     {"resourceGuid", guid_of("guid-" + lower(id))},
                     {"ipConfigurations", std::move(configurations)},
                     {"dnsSettings", {{"dnsServers", Json::array()}}},
                     {"enableAcceleratedNetworking", false},
                     {"enableIPForwarding", false},
                     {"nicType", "Standard"},
                     {"primary", machine != nullptr && !machine->interfaces.empty() &&
                                     same_name(machine->interfaces.front(), id)}};
  if (interface.security_group) {
    properties["networkSecurityGroup"] = reference(*interface.security_group);
  }
  if (machine != nullptr) {
    properties["virtualMachine"] =
        reference(machine_id(world, machine->resource_group, machine->name));
  }
  return {{"name", interface.name},     {"id", id},
          {"etag", etag_of_fixed(id)},  {"type", "Microsoft.Network/networkInterfaces"},
          {"location", world.location}, {"properties", std::move(properties)}};
}

Json public_ip_view(const World& world, const Interface& interface,
                    const IpConfiguration& configuration) {
  const std::string id = public_ip_id(world, interface.resource_group, configuration.public_name);
  const auto address = parse_address(configuration.public_address);
  return {{"name", configuration.public_name},
          {"id", id},
          {"etag", etag_of_fixed(id)},
          {"type", "Microsoft.Network/publicIPAddresses"},
          {"location", world.location},
          {"sku", {{"name", "Standard"}, {"tier", "Regional"}}},
          {"properties",
           {{"provisioningState", "Succeeded"},
            {"resourceGuid", guid_of("guid-" + lower(id))},
            {"ipAddress", configuration.public_address},
            {"publicIPAddressVersion", address && address->v6 ? "IPv6" : "IPv4"},
            {"publicIPAllocationMethod", "Static"},
            {"idleTimeoutInMinutes", 4},
            {"ipConfiguration",
             reference(interface_id(world, interface.resource_group, interface.name) +
                       "/ipConfigurations/" + configuration.name)}}}};
}

Json instance_view(const Machine& machine) {
  return {{"computerName", machine.name},
          {"statuses",
           {{{"code", "ProvisioningState/succeeded"},
             {"level", "Info"},
             {"displayStatus", "Provisioning succeeded"}},
            {{"code", machine.running ? "PowerState/running" : "PowerState/deallocated"},
             {"level", "Info"},
             {"displayStatus", machine.running ? "VM running" : "VM deallocated"}}}}};
}

Json machine_view(const World& world, const Machine& machine, MachineView view,
                  bool with_instance) {
  Json interfaces = Json::array();
  for (const std::string& id : machine.interfaces) {
    interfaces.push_back({{"id", id}, {"properties", {{"primary", interfaces.empty()}}}});
  }
  Json properties = {
      {"vmId", machine.vm_id},
      {"provisioningState", "Succeeded"},
      {"hardwareProfile", {{"vmSize", "Standard_B2s"}}},
      {"storageProfile",
       {{"osDisk", {{"osType", "Linux"}, {"createOption", "FromImage"}}},
        {"dataDisks", Json::array()}}},
      {"osProfile", {{"computerName", machine.name}, {"adminUsername", "azureuser"}}},
      {"networkProfile", {{"networkInterfaces", std::move(interfaces)}}},
      {"timeCreated", "2026-01-01T00:00:00+00:00"}};
  if (with_instance) properties["instanceView"] = instance_view(machine);
  const std::string group =
      view == MachineView::list ? upper(machine.resource_group) : machine.resource_group;
  Json out = {{"name", machine.name},
              {"id", machine_id(world, group, machine.name)},
              {"type", "Microsoft.Compute/virtualMachines"},
              {"location", world.location},
              {"properties", std::move(properties)}};
  if (!machine.tags.empty()) out["tags"] = machine.tags;
  return out;
}

}  // namespace portcullis::lab
