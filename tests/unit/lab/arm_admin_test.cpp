#include "unit/lab/arm_client.hpp"

namespace portcullis::lab {
namespace {

using Client = ArmClient;

std::string verdict(Client& arm, const std::string& machine, int port) {
  const auto answer =
      arm.admin("POST", "/connect", {{"from", "alice"}, {"to", machine}, {"port", port}});
  REQUIRE(answer.status == 200);
  return Client::json(answer)["rule"];
}

TEST_CASE("foreign edits are at once there for ARM and for packets, and change the etag") {
  Client arm;
  const std::string etag = Client::json(arm.get(arm.group))["etag"];
  const Json rule = {{"priority", 150}, {"access", "Allow"}, {"protocol", "Tcp"}, {"ports", 22}};
  CHECK(arm.admin("PUT", "/nsgs/net/nsg-web/rules/theirs", rule).status == 204);
  CHECK(Client::json(arm.get(arm.rules + "/theirs"))["properties"]["priority"] == 150);
  CHECK(Client::json(arm.get(arm.group))["etag"] != etag);
  CHECK(verdict(arm, "web-1", 22) == "nsg-web/theirs");
  CHECK(arm.admin("DELETE", "/nsgs/net/nsg-web/rules/theirs").status == 204);
  CHECK(arm.get(arm.rules + "/theirs").status == 404);
  CHECK(verdict(arm, "web-1", 22) == "nsg-web/DenyAllInBound");
  CHECK(arm.admin("DELETE", "/nsgs/net/nsg-web/rules/theirs").status == 404);
}

TEST_CASE("a rule may be put verbatim, with what ARM would never hold") {
  Client arm;
  const Json odd = {{"properties", {{"priority", "high"}, {"access", "Maybe"}}}};
  CHECK(arm.admin("PUT", "/nsgs/net/nsg-web/rules/odd", odd).status == 204);
  CHECK(Client::json(arm.get(arm.rules + "/odd"))["properties"]["access"] == "Maybe");
  CHECK(arm.admin("PUT", "/nsgs/net/nsg-web/rules/bad", {{"priority", 1}}).status == 400);
}

TEST_CASE("a foreign edit during an operation shows packets nothing of that operation") {
  Client arm;
  arm.put(arm.rules + "/r1", rule_body(200));
  const Json rule = {{"priority", 150}, {"access", "Allow"}, {"protocol", "Tcp"}, {"ports", 80}};
  arm.admin("PUT", "/nsgs/net/nsg-web/rules/theirs", rule);
  CHECK(verdict(arm, "web-1", 22) == "nsg-web/DenyAllInBound");
  CHECK(verdict(arm, "web-1", 80) == "nsg-web/theirs");
  arm.finish();
  CHECK(verdict(arm, "web-1", 22) == "nsg-web/r1");
  CHECK(verdict(arm, "web-1", 80) == "nsg-web/theirs");
}

TEST_CASE("groups are taken away under everybody's feet and made anew") {
  Client arm;
  arm.put(arm.rules + "/r1", rule_body(200));
  const std::string etag = Client::json(arm.get(arm.group))["etag"];
  CHECK(arm.admin("DELETE", "/nsgs/net/nsg-web").status == 204);
  CHECK(Client::code(arm.get(arm.group)) == "ResourceNotFound");
  arm.finish();
  CHECK(arm.admin("PUT", "/nsgs/net/nsg-web").status == 204);
  const Json made = Client::json(arm.get(arm.group));
  CHECK(made["etag"] != etag);
  CHECK(made["properties"]["securityRules"].empty());
  CHECK(Client::json(arm.admin("GET", "/nsgs/net/nsg-web"))["properties"]["securityRules"].empty());
}

TEST_CASE("machines stop, start, change their identity, go and come") {
  Client arm;
  const std::string path =
      arm.subscription + "/resourceGroups/Web/providers/Microsoft.Compute/virtualMachines/";
  const auto power = [&] {
    return Client::json(arm.get(path + "web-1/instanceView", "2024-07-01"))["statuses"][1]["code"];
  };
  CHECK(arm.admin("POST", "/vms/web/web-1/deallocate").status == 204);
  CHECK(power() == "PowerState/deallocated");
  arm.admin("POST", "/vms/web/web-1/start");
  CHECK(power() == "PowerState/running");
  const auto vm_id = [&] {
    return Client::json(arm.get(path + "web-1", "2024-07-01"))["properties"]["vmId"];
  };
  const Json before = vm_id();
  arm.admin("POST", "/vms/web/web-1/recreate");
  CHECK(vm_id() != before);
  CHECK(arm.admin("PUT", "/vms/web/web-1/tags", {{"tier", "db"}}).status == 204);
  CHECK(Client::json(arm.get(path + "web-1", "2024-07-01"))["tags"]["tier"] == "db");
  CHECK(arm.admin("DELETE", "/vms/web/web-1").status == 204);
  CHECK(arm.get(path + "web-1", "2024-07-01").status == 404);
  const Json made = {{"listens", {22}},
                     {"nics", {{{"name", "n"}, {"subnet", "vnet-1/db"}, {"ip", "10.0.1.7"}}}}};
  CHECK(arm.admin("PUT", "/vms/web/new-1", made).status == 204);
  CHECK(arm.get(path + "new-1", "2024-07-01").status == 200);
  CHECK(verdict(arm, "new-1", 22) == "no NSG");
  CHECK(arm.admin("PUT", "/vms/web/new-2", {{"nics", {{{"name", "n"}}}}}).status == 400);

  const std::string nic =
      arm.subscription + "/resourceGroups/Web/providers/Microsoft.Network/networkInterfaces/n";
  CHECK(arm.admin("DELETE", "/vms/web/new-1").status == 204);
  CHECK(arm.get(nic).status == 200);
  arm.admin("PUT", "/vms/web/new-1", made);
  CHECK(arm.admin("DELETE", "/vms/web/new-1?interfaces=delete").status == 204);
  CHECK(arm.get(nic).status == 404);
}

TEST_CASE("interfaces move to other NSGs and addresses, subnets to other NSGs") {
  Client arm;
  const std::string nic =
      arm.subscription +
      "/resourceGroups/Web/providers/Microsoft.Network/networkInterfaces/db-1-nic";
  CHECK(arm.admin("PATCH", "/nics/web/db-1-nic", {{"nsg", nullptr}, {"addresses", {"10.0.1.5"}}})
            .status == 204);
  const Json properties = Client::json(arm.get(nic))["properties"];
  CHECK_FALSE(properties.contains("networkSecurityGroup"));
  CHECK(properties["ipConfigurations"][0]["properties"]["privateIPAddress"] == "10.0.1.5");
  CHECK(arm.admin("PATCH", "/nics/web/db-1-nic", {{"nsg", "none"}}).status == 400);
  CHECK(arm.admin("PATCH", "/subnets/net/vnet-1/web", {{"nsg", nullptr}}).status == 204);
  CHECK(verdict(arm, "web-1", 22) == "no NSG");
  CHECK(arm.admin("PATCH", "/subnets/net/vnet-1/web", {{"nsg", "nsg-free"}}).status == 204);
  CHECK(verdict(arm, "web-1", 22) == "nsg-free/DenyAllInBound");
}

TEST_CASE("settings change while it runs; a wrong one changes nothing") {
  Client arm;
  CHECK(arm.admin("PATCH", "/settings", {{"operationTime", "5s"}, {"pageSize", 1}}).status == 200);
  arm.put(arm.rules + "/r1", rule_body(200));
  arm.pass(std::chrono::seconds(4));
  CHECK(Client::json(arm.get(arm.rules + "/r1"))["properties"]["provisioningState"] == "Updating");
  CHECK(arm.admin("PATCH", "/settings", {{"pageSize", 2}, {"latency", -1}}).status == 400);
  CHECK(Client::json(arm.admin("GET", "/settings"))["pageSize"] == 1);
}

TEST_CASE("the request log can be asked in part and emptied") {
  Client arm;
  arm.get(arm.group);
  arm.put(arm.rules + "/r1", rule_body(200));
  const Json writes = Client::json(arm.admin("GET", "/requests?method=PUT"));
  REQUIRE(writes.size() == 1);
  const auto since = writes[0]["seq"].get<int>();
  arm.del(arm.rules + "/none");
  const Json later = Client::json(arm.admin("GET", "/requests?since=" + std::to_string(since)));
  REQUIRE(later.size() == 1);
  CHECK(later[0]["method"] == "DELETE");
  arm.admin("DELETE", "/requests");
  CHECK(Client::json(arm.admin("GET", "/requests")).empty());
}

TEST_CASE("the world as a whole") {
  Client arm;
  const Json world = Client::json(arm.admin("GET", "/world"));
  CHECK(world["machines"].size() == 2);
  CHECK(world["groups"].size() == 2);
  CHECK(world["clients"][0]["name"] == "alice");
  CHECK(arm.admin("GET", "/nothing").status == 404);
}

}  // namespace
}  // namespace portcullis::lab
