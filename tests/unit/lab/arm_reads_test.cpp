#include "unit/lab/arm_client.hpp"

namespace portcullis::lab {
namespace {

using Client = ArmClient;

TEST_CASE("a VM leads to its interfaces, those to addresses, subnet and NSG") {
  Client arm;
  const Json machine = Client::json(arm.get(
      arm.subscription + "/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/web-1",
      "2024-07-01"));
  CHECK(machine["tags"] == Json{{"tier", "web"}});
  CHECK(machine["properties"]["vmId"].get<std::string>().size() == 36);
  const std::string nic_id = machine["properties"]["networkProfile"]["networkInterfaces"][0]["id"];
  const Json nic = Client::json(arm.get(nic_id));
  const Json& configurations = nic["properties"]["ipConfigurations"];
  REQUIRE(configurations.size() == 2);
  CHECK(configurations[0]["properties"]["privateIPAddress"] == "10.0.0.4");
  CHECK(configurations[0]["properties"]["privateIPAddressVersion"] == "IPv4");
  CHECK(configurations[1]["properties"]["privateIPAddressVersion"] == "IPv6");
  CHECK_FALSE(nic["properties"].contains("networkSecurityGroup"));
  CHECK(nic["properties"]["virtualMachine"]["id"].get<std::string>().ends_with("/web-1"));
  const Json subnet = Client::json(arm.get(configurations[0]["properties"]["subnet"]["id"]));
  CHECK(subnet["properties"]["networkSecurityGroup"]["id"] == arm.group);
  CHECK(subnet["properties"]["addressPrefixes"].size() == 2);
  const Json outside =
      Client::json(arm.get(configurations[0]["properties"]["publicIPAddress"]["id"]));
  CHECK(outside["properties"]["ipAddress"] == "20.50.0.4");
  CHECK(Client::json(arm.get(arm.net_group + "/virtualNetworks/vnet-1"))["properties"]["subnets"]
            .size() == 2);
}

TEST_CASE("a group tells whom it guards") {
  Client arm;
  const Json group = Client::json(arm.get(arm.group))["properties"];
  CHECK(group["networkInterfaces"][0]["id"].get<std::string>().ends_with("/db-1-nic"));
  CHECK(group["subnets"][0]["id"].get<std::string>().ends_with("/subnets/web"));
  const Json free = Client::json(arm.get(arm.net_group + "/networkSecurityGroups/nsg-free"));
  CHECK_FALSE(free["properties"].contains("networkInterfaces"));
  CHECK(free["properties"]["securityRules"] == Json::array());
}

TEST_CASE("Compute's lists spell resource groups in capitals, its reads do not") {
  Client arm;
  const Json list = Client::json(
      arm.get(arm.subscription + "/providers/Microsoft.Compute/virtualMachines", "2024-07-01"));
  const std::string listed = list["value"][0]["id"];
  CHECK(listed.find("/resourceGroups/WEB/") != std::string::npos);
  const std::string read = Client::json(arm.get(listed, "2024-07-01"))["id"];
  CHECK(read.find("/resourceGroups/Web/") != std::string::npos);
}

TEST_CASE("the power state stands in the instance view") {
  Client arm;
  const std::string path =
      arm.subscription + "/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/db-1";
  CHECK_FALSE(Client::json(arm.get(path, "2024-07-01"))["properties"].contains("instanceView"));
  const Json view = Client::json(arm.get(path + "/instanceView", "2024-07-01"));
  CHECK(view["statuses"][1]["code"] == "PowerState/deallocated");
  const Json expanded = Client::json(arm.get(path + "?$expand=instanceView", "2024-07-01"));
  CHECK(expanded["properties"]["instanceView"] == view);
}

TEST_CASE("lists come in pages, each with the address of the next") {
  Client arm(Settings{.page_size = 1});
  Json page = Client::json(
      arm.get(arm.subscription + "/providers/Microsoft.Network/networkSecurityGroups"));
  REQUIRE(page["value"].size() == 1);
  CHECK(page["value"][0]["name"] == "nsg-web");
  const std::string next = page["nextLink"];
  CHECK(next.find("$skiptoken=") != std::string::npos);
  CHECK(next.find("api-version=2024-05-01") != std::string::npos);
  page = Client::json(arm.follow(next));
  CHECK(page["value"][0]["name"] == "nsg-free");
  CHECK_FALSE(page.contains("nextLink"));
  CHECK(arm.get(arm.net_group + "/networkSecurityGroups?$skiptoken=nonsense").status == 400);
}

TEST_CASE("what is missing is told apart: child, resource, resource group, subscription") {
  Client arm;
  const std::string groups = "/providers/Microsoft.Network/networkSecurityGroups/";
  const auto code = [&](const std::string& path) {
    const auto answer = arm.get(path);
    CHECK(answer.status == 404);
    return Client::code(answer);
  };
  CHECK(code(arm.rules + "/none") == "NotFound");
  CHECK(code(arm.subscription + "/resourceGroups/empty" + groups + "nsg-web") ==
        "ResourceNotFound");
  CHECK(Client::header(arm.last, "x-ms-failure-cause") == "gateway");
  CHECK(code(arm.net_group + "/networkSecurityGroups/none/securityRules/r1") == "ResourceNotFound");
  CHECK(code(arm.subscription + "/resourceGroups/none" + groups + "nsg-web") ==
        "ResourceGroupNotFound");
  CHECK(code("/subscriptions/00000000-0000-0000-0000-000000000000") == "SubscriptionNotFound");
  CHECK(code(arm.net_group + "/virtualNetworks/vnet-1/subnets/none") == "NotFound");
  CHECK(Client::code(arm.put(arm.net_group + "/networkSecurityGroups/none/securityRules/r1",
                             rule_body(200))) == "ParentResourceNotFound");
  // A list of a group that holds nothing is no error.
  CHECK(Client::json(arm.get(arm.subscription + "/resourceGroups/empty" +
                             "/providers/Microsoft.Network/networkSecurityGroups"))["value"]
            .empty());
}

TEST_CASE("api-version is compulsory, and each provider has its own") {
  Client arm;
  const auto code = [&](const std::string& target) {
    const auto answer = arm.send({.target = target}).response;
    CHECK(answer.status == 400);
    return Client::code(answer);
  };
  CHECK(code(arm.group) == "MissingApiVersionParameter");
  CHECK(code(arm.group + "?api-version=latest") == "InvalidApiVersionParameter");
  CHECK(code(arm.group + "?api-version=2024-05-02") == "NoRegisteredProviderFound");
  CHECK(code(arm.subscription +
             "/providers/Microsoft.Compute/virtualMachines?api-version=2024-05-01") ==
        "NoRegisteredProviderFound");
}

TEST_CASE("what a client may not read is 403, and lists leave it out without a word") {
  Client arm;
  arm.admin("POST", "/denials",
            {{"action", "Microsoft.Network/networkSecurityGroups/*"}, {"scope", arm.group}});
  const auto answer = arm.get(arm.group);
  CHECK(answer.status == 403);
  CHECK(Client::code(answer) == "AuthorizationFailed");
  const auto list = arm.get(arm.net_group + "/networkSecurityGroups");
  CHECK(list.status == 200);
  REQUIRE(Client::json(list)["value"].size() == 1);
  CHECK(Client::json(list)["value"][0]["name"] == "nsg-free");
  CHECK(arm.put(arm.rules + "/r1", rule_body(200)).status == 403);
  arm.admin("DELETE", "/denials");
  CHECK(arm.get(arm.group).status == 200);
}

TEST_CASE("the same requests at the same times get the same answers, byte for byte") {
  const auto history = [] {
    Client arm;
    std::string all;
    const auto add = [&](const net::Response& response) {
      all += std::to_string(response.status) + response.body;
      for (const auto& header : response.headers) all += header.name + header.value;
    };
    add(arm.put(arm.rules + "/r1", rule_body(200)));
    arm.finish();
    add(arm.get(arm.group));
    add(arm.del(arm.rules + "/r1"));
    return all;
  };
  CHECK(history() == history());
}

TEST_CASE("locks are listed where they stand, and rights as what was not denied") {
  ArmClient arm;
  const std::string subscription = "/subscriptions/11111111-1111-4111-8111-111111111111";
  const std::string locks = subscription + "/providers/Microsoft.Authorization/locks";
  const std::string rights =
      subscription + "/resourceGroups/net/providers/Microsoft.Authorization/permissions";
  CHECK(ArmClient::json(arm.get(locks, "2016-09-01"))["value"].empty());
  arm.admin("POST", "/locks", {{"scope", arm.group}, {"level", "ReadOnly"}, {"name", "mine"}});
  const Json lock = ArmClient::json(arm.get(locks, "2016-09-01"))["value"][0];
  CHECK(lock["id"] == arm.group + "/providers/Microsoft.Authorization/locks/mine");
  CHECK(lock["properties"]["level"] == "ReadOnly");
  CHECK(ArmClient::json(arm.get(rights, "2022-04-01"))["value"][0]["notActions"].empty());
  arm.admin("POST", "/denials", {{"action", "*/write"}, {"scope", subscription}});
  arm.admin("POST", "/denials", {{"action", "*/delete"}, {"scope", arm.group}});
  arm.admin("POST", "/denials", {{"action", "*/read"}, {"clientID", "somebody"}});
  const Json role = ArmClient::json(arm.get(rights, "2022-04-01"))["value"][0];
  CHECK(role["actions"] == Json::array({"*"}));
  CHECK(role["notActions"] == Json::array({"*/write"}));
  CHECK(arm.send({.method = "PUT", .target = locks + "?api-version=2016-09-01"}).response.status ==
        405);
  arm.admin("POST", "/denials", {{"action", "Microsoft.Authorization/*"}});
  CHECK(arm.get(locks, "2016-09-01").status == 403);
  CHECK(arm.get(rights, "2022-04-01").status == 403);
}

}  // namespace
}  // namespace portcullis::lab
