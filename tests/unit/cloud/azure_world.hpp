#pragma once

#include <map>
#include <string>

#include "azure_fixture.hpp"
#include "model/resource_id.hpp"

namespace portcullis::test {

inline std::string id_of(const std::string& rest) {
  return "/subscriptions/" + subscription + "/resourceGroups/web/providers/" + rest;
}

inline const std::string machine_id = id_of("Microsoft.Compute/virtualMachines/web-1");
inline const std::string nic_1 = id_of("Microsoft.Network/networkInterfaces/nic-1");
inline const std::string nic_2 = id_of("Microsoft.Network/networkInterfaces/nic-2");
inline const std::string subnet_1 = id_of("Microsoft.Network/virtualNetworks/v/subnets/front");
inline const std::string subnet_2 = id_of("Microsoft.Network/virtualNetworks/v/subnets/back");
inline const std::string public_1 = id_of("Microsoft.Network/publicIPAddresses/pip");
inline const std::string asg = id_of("Microsoft.Network/applicationSecurityGroups/Web");

inline std::string reference(const std::string& id) { return R"({"id":")" + id + "\"}"; }

inline std::string machine_body(const std::string& interfaces) {
  return R"({"id":")" + machine_id + R"(","name":"web-1","properties":{"vmId":"vm-guid",)" +
         R"("networkProfile":{"networkInterfaces":)" + interfaces + "}}}";
}

inline std::string configuration(const std::string& address, const std::string& subnet,
                                 const std::string& more = "") {
  return R"({"name":"c","properties":{"privateIPAddress":")" + address + R"(","subnet":)" +
         reference(subnet) + more + "}}";
}

inline std::string nic_body(const std::string& id, const std::string& configurations,
                            const std::string& more = "") {
  return R"({"id":")" + id + R"(","properties":{"virtualMachine":)" + reference(machine_id) +
         R"(,"ipConfigurations":[)" + configurations + "]" + more + "}}";
}

inline std::string subnet_body(const std::string& id, const std::string& group) {
  return R"({"id":")" + id + R"(","properties":{)" +
         (group.empty() ? "" : R"("networkSecurityGroup":)" + reference(group)) + "}}";
}

inline std::string group_body(const std::string& id, const std::string& rules = "[]") {
  return R"({"id":")" + id + R"(","properties":{"securityRules":)" + rules +
         R"(,"defaultSecurityRules":[]}})";
}

inline std::string simple_rule(const std::string& name) {
  return R"({"name":")" + name + R"(","properties":{"priority":130,"access":"Allow",)" +
         R"("direction":"Inbound","protocol":"*","sourceAddressPrefix":"*","sourcePortRange":"*",)" +
         R"("destinationAddressPrefix":"*","destinationPortRange":"22"}})";
}

/// A resource manager that has these resources and counts what it is asked.
struct World : AzureFixture {
  std::map<std::string, net::Response> resources;
  std::map<std::string, int> asked;

  World() {
    arm_server.serve = [this](const net::Request& request) -> Result<net::Response> {
      const std::string path = request.target.substr(0, request.target.find('?'));
      ++asked[path];
      const auto found = resources.find(path);
      return found == resources.end() ? response(404, error_body("ResourceNotFound"))
                                      : found->second;
    };
    has(machine_id, machine_body("[" + reference(nic_2) + "," + reference(nic_1) + "]"));
    has(nic_1, nic_body(nic_1,
                        configuration("10.0.0.5", subnet_1,
                                      R"(,"publicIPAddress":)" + reference(public_1)) +
                            "," + configuration("fd00::5", subnet_1),
                        R"(,"networkSecurityGroup":)" + reference(group_id("nic-nsg"))));
    has(nic_2,
        nic_body(nic_2, configuration("10.0.0.4", subnet_2,
                                      R"(,"applicationSecurityGroups":[)" + reference(asg) + "]")));
    has(subnet_1, subnet_body(subnet_1, group_id("subnet-nsg")));
    has(subnet_2, subnet_body(subnet_2, ""));
    has(public_1, R"({"id":"x","properties":{"ipAddress":"198.51.100.9"}})");
  }

  void has(const std::string& id, const std::string& body) { resources[id] = response(200, body); }

  Result<model::VirtualMachine> read() { return wait(provider->read_machine(machine_id)); }
};

inline model::SecurityRule rule(const std::string& name = "portcullis-1-open-2") {
  model::SecurityRule rule;
  rule.name = name;
  rule.priority = 130;
  rule.access = model::Access::allow;
  rule.source.prefixes = {model::parse_prefix("203.0.113.7").value()};
  rule.destination.prefixes = {model::parse_prefix("10.0.0.4").value()};
  rule.destination_ports = {{22, 22}};
  return rule;
}

}  // namespace portcullis::test
