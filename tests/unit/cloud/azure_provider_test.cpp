#include "cloud/azure_provider.hpp"

#include <catch2/catch.hpp>

#include "azure_fixture.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using Kind = Error::Kind;

namespace {

std::string id_of(const std::string& rest) {
  return "/subscriptions/" + subscription + "/resourceGroups/web/providers/" + rest;
}

const std::string machine_id = id_of("Microsoft.Compute/virtualMachines/web-1");
const std::string nic_1 = id_of("Microsoft.Network/networkInterfaces/nic-1");
const std::string nic_2 = id_of("Microsoft.Network/networkInterfaces/nic-2");
const std::string subnet_1 = id_of("Microsoft.Network/virtualNetworks/v/subnets/front");
const std::string subnet_2 = id_of("Microsoft.Network/virtualNetworks/v/subnets/back");
const std::string public_1 = id_of("Microsoft.Network/publicIPAddresses/pip");
const std::string asg = id_of("Microsoft.Network/applicationSecurityGroups/Web");

std::string reference(const std::string& id) { return R"({"id":")" + id + "\"}"; }

std::string machine_body(const std::string& interfaces) {
  return R"({"id":")" + machine_id + R"(","name":"web-1","properties":{"vmId":"vm-guid",)" +
         R"("networkProfile":{"networkInterfaces":)" + interfaces + "}}}";
}

std::string configuration(const std::string& address, const std::string& subnet,
                          const std::string& more = "") {
  return R"({"name":"c","properties":{"privateIPAddress":")" + address + R"(","subnet":)" +
         reference(subnet) + more + "}}";
}

std::string nic_body(const std::string& id, const std::string& configurations,
                     const std::string& more = "") {
  return R"({"id":")" + id + R"(","properties":{"virtualMachine":)" + reference(machine_id) +
         R"(,"ipConfigurations":[)" + configurations + "]" + more + "}}";
}

std::string subnet_body(const std::string& id, const std::string& group) {
  return R"({"id":")" + id + R"(","properties":{)" +
         (group.empty() ? "" : R"("networkSecurityGroup":)" + reference(group)) + "}}";
}

std::string group_body(const std::string& id, const std::string& rules = "[]") {
  return R"({"id":")" + id + R"(","properties":{"securityRules":)" + rules +
         R"(,"defaultSecurityRules":[]}})";
}

std::string simple_rule(const std::string& name) {
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

}  // namespace

TEST_CASE("a machine is read with every way to it") {
  World w;
  const auto machine = w.read();
  REQUIRE(machine);
  CHECK(machine->id == machine_id);
  CHECK(machine->vm_id == "vm-guid");
  CHECK(machine->name == "web-1");
  CHECK(machine->resource_group == "web");
  REQUIRE(machine->paths.size() == 3);

  const auto& back = machine->paths[0];
  CHECK(to_string(back.address) == "10.0.0.4/32");
  CHECK(back.interface_id == nic_2);
  CHECK_FALSE(back.subnet_group);
  CHECK_FALSE(back.interface_group);
  CHECK(back.application_groups == std::vector{model::resource_key(asg)});
  CHECK(back.public_address.empty());

  const auto& front = machine->paths[1];
  CHECK(to_string(front.address) == "10.0.0.5/32");
  CHECK(front.subnet_group == group_id("subnet-nsg"));
  CHECK(front.interface_group == group_id("nic-nsg"));
  CHECK(front.public_address == "198.51.100.9");
  CHECK(to_string(machine->paths[2].address) == "fd00::5/128");
  CHECK(machine->paths[2].subnet_group == group_id("subnet-nsg"));
}

TEST_CASE("each resource is asked once, with the API version of its provider") {
  World w;
  REQUIRE(w.read());
  for (const auto& [path, count] : w.asked) CHECK(count == 1);
  CHECK(w.asked.size() == 6);
  for (const auto& sent : w.arm_server.sent) {
    const bool compute = sent.request.target.find("Microsoft.Compute") != std::string::npos;
    CHECK(sent.request.target.ends_with(compute ? "?api-version=2024-07-01"
                                                : "?api-version=2024-05-01"));
  }
}

TEST_CASE("the same subnet spelled in two ways is one subnet") {
  World w;
  std::string shouted = subnet_1;
  shouted.replace(shouted.find("/subnets/front"), 14, "/subnets/FRONT");
  w.has(nic_1, nic_body(nic_1, configuration("10.0.0.5", subnet_1) + "," +
                                   configuration("10.0.0.6", shouted)));
  w.has(shouted, subnet_body(shouted, group_id("subnet-nsg")));
  const auto machine = w.read();
  REQUIRE(machine);
  CHECK(machine->paths[1].subnet_group == machine->paths[2].subnet_group);
  CHECK(w.asked[subnet_1] + w.asked[shouted] == 1);
}

TEST_CASE("a machine that is gone is not_found, a part that is gone is not") {
  World w;
  SECTION("the machine") {
    w.resources.erase(machine_id);
    CHECK(w.read().error().kind == Kind::not_found);
  }
  SECTION("an interface") {
    w.resources.erase(nic_1);
    CHECK(w.read().error().kind == Kind::unavailable);
  }
  SECTION("a subnet") {
    w.resources.erase(subnet_2);
    CHECK(w.read().error().kind == Kind::unavailable);
  }
  SECTION("a proxy's 404 for the machine") {
    w.resources[machine_id] = response(404, "<html>not here</html>");
    CHECK(w.read().error().kind == Kind::unavailable);
  }
  SECTION("a subscription that is hidden from us") {
    w.resources[machine_id] = response(404, error_body("SubscriptionNotFound"));
    CHECK(w.read().error().kind == Kind::forbidden);
  }
}

TEST_CASE("a part that cannot be read makes the whole reading an error") {
  World w;
  const std::string which = GENERATE(nic_1, subnet_1);
  const auto [answer, kind] = GENERATE(table<net::Response, Kind>({
      {response(403, error_body("AuthorizationFailed")), Kind::forbidden},
      {response(500), Kind::unavailable},
      {response(429, error_body("TooManyRequests")), Kind::throttled},
      {response(200, "<html>"), Kind::malformed},
      {response(200, "{}"), Kind::malformed},
      {response(200, ""), Kind::malformed},
  }));
  w.resources[which] = answer;
  CHECK(w.read().error().kind == kind);
}

TEST_CASE("the public address is a courtesy: whatever fails, the machine is read") {
  World w;
  SECTION("its resource is broken") {
    w.resources[public_1] =
        GENERATE(response(500), response(404, error_body("ResourceNotFound")),
                 response(200, "<html>"), response(200, R"({"properties":{"ipAddress":"evil"}})"));
    const auto machine = w.read();
    REQUIRE(machine);
    CHECK(machine->paths[1].public_address.empty());
    REQUIRE(w.read());
    CHECK(w.asked[public_1] == 2);
  }
  SECTION("who may not read it does not go on asking") {
    w.resources[public_1] = response(403, error_body("AuthorizationFailed"));
    REQUIRE(w.read());
    REQUIRE(w.read());
    CHECK(w.asked[public_1] == 1);
  }
  SECTION("switched off") {
    auto options = World::options();
    options.public_addresses = false;
    w.provider = w.make(options).value();
    REQUIRE(w.read());
    CHECK(w.asked.count(public_1) == 0);
  }
}

TEST_CASE("a machine whose answer says too little is malformed") {
  World w;
  const std::string prefix = R"({"id":")" + machine_id + R"(","name":"web-1","properties":)";
  w.has(machine_id,
        GENERATE_COPY(std::string("{}"), prefix + "{}}", prefix + R"({"vmId":"x"}})",
                      prefix + R"({"vmId":"x","networkProfile":{}}})", machine_body("[]"),
                      machine_body("null"), machine_body("[{}]"), machine_body(R"([{"id":""}])"),
                      prefix + R"({"networkProfile":{"networkInterfaces":[]}}})"));
  CHECK(w.read().error().kind == Kind::malformed);
}

TEST_CASE("an interface whose answer says too little is malformed") {
  World w;
  w.has(nic_1, GENERATE(nic_body(nic_1, ""), nic_body(nic_1, "{}"),
                        nic_body(nic_1, configuration("", subnet_1)),
                        nic_body(nic_1, configuration("10.0.0.1/8", subnet_1)),
                        nic_body(nic_1, configuration("10.0.0.999", subnet_1)),
                        nic_body(nic_1, configuration("10.0.0.5", "")),
                        nic_body(nic_1, R"({"properties":{"privateIPAddress":"10.0.0.5"}})"),
                        nic_body(nic_1, configuration("10.0.0.5", subnet_1,
                                                      R"(,"applicationSecurityGroups":[{}])")),
                        nic_body(nic_1, configuration("10.0.0.5", subnet_1),
                                 R"(,"networkSecurityGroup":{"id":7})")));
  CHECK(w.read().error().kind == Kind::malformed);
}

TEST_CASE("a block of addresses is read as the block it is") {
  World w;
  w.has(nic_2, nic_body(nic_2, configuration("10.0.0.16", subnet_2,
                                             R"(,"privateIPAddressPrefixLength":28)")));
  CHECK(to_string(w.read().value().paths[0].address) == "10.0.0.16/28");
}

TEST_CASE("an interface that meanwhile belongs to another machine is not this one's") {
  World w;
  const std::string other = id_of("Microsoft.Compute/virtualMachines/other");
  w.has(nic_1, R"({"id":")" + nic_1 + R"(","properties":{"virtualMachine":)" + reference(other) +
                   R"(,"ipConfigurations":[)" + configuration("10.0.0.5", subnet_1) + "]}}");
  CHECK(w.read().error().kind == Kind::unavailable);
}

TEST_CASE("scale sets are refused with a sentence, and nothing else is asked") {
  World w;
  const std::string scale_set_nic =
      id_of("Microsoft.Compute/virtualMachineScaleSets/s/virtualMachines/0/networkInterfaces/n");
  w.has(machine_id, machine_body("[" + reference(scale_set_nic) + "]"));
  const auto machine = w.read();
  CHECK(machine.error().kind == Kind::unsupported);
  CHECK_THAT(machine.error().message, Catch::Contains("scale sets"));
  CHECK(w.asked.size() == 1);
  const auto instance = w.wait(w.provider->read_machine(
      id_of("Microsoft.Compute/virtualMachineScaleSets/s/virtualMachines/0")));
  CHECK(instance.error().kind == Kind::unsupported);
}

TEST_CASE("an id that is none, of another type or of another subscription is not asked for") {
  World w;
  const std::string id = GENERATE_COPY(
      std::string(""), std::string("web-1"), nic_1, machine_id + "/", machine_id + "?x=1",
      machine_id + "/../web-2", id_of("Microsoft.Compute/virtualMachines/.."),
      id_of("Microsoft.Compute/virtualMachines/a%2fb"),
      id_of("Microsoft.Compute/virtualMachines/a b"), machine_id + "/extensions/x",
      std::string("https://evil.example") + machine_id,
      std::string("/subscriptions/other/resourceGroups/web/providers/Microsoft.Compute/"
                  "virtualMachines/web-1"));
  INFO(id);
  const auto machine = w.wait(w.provider->read_machine(id));
  REQUIRE_FALSE(machine);
  const bool refused =
      machine.error().kind == Kind::invalid || machine.error().kind == Kind::unsupported;
  CHECK(refused);
  CHECK(w.arm_server.sent.empty());
}

TEST_CASE("an answer about another resource is malformed") {
  World w;
  w.has(machine_id, R"({"id":")" + nic_1 + R"(","name":"x","properties":{"vmId":"x",)" +
                        R"("networkProfile":{"networkInterfaces":[)" + reference(nic_1) + "]}}}");
  CHECK(w.read().error().kind == Kind::malformed);
  w.has(group_id(), group_body(group_id("other")));
  CHECK(w.wait(w.provider->read_group(group_id())).error().kind == Kind::malformed);
}

TEST_CASE("a group is read by its id, in any letter case") {
  World w;
  w.has(group_id(), group_body(model::ascii_lower(group_id()), "[" + simple_rule("a") + "]"));
  const auto group = w.wait(w.provider->read_group(group_id()));
  REQUIRE(group);
  CHECK(group->rules.size() == 1);
  w.resources[group_id()] = response(404, error_body("ResourceNotFound"));
  CHECK(w.wait(w.provider->read_group(group_id())).error().kind == Kind::not_found);
}

TEST_CASE("the groups of several resource groups are listed, all pages, each once") {
  World w;
  const auto list = [](const std::string& resource_group) {
    const std::string id = group_id("x", resource_group);
    return id.substr(0, id.rfind('/'));
  };
  w.has(list("net"), R"({"value":[)" + group_body(group_id("a")) + R"(],"nextLink":")" + arm +
                         R"(/page/2?$skiptoken=t"})");
  w.has("/page/2", R"({"value":[)" + group_body(group_id("b")) + "]}");
  w.has(list("web"), R"({"value":[]})");
  const auto groups = w.wait(w.provider->list_groups({"net", "web", "NET", "gone"}));
  REQUIRE(groups);
  REQUIRE(groups->size() == 2);
  CHECK((*groups)[0].id == group_id("a"));
  CHECK((*groups)[1].id == group_id("b"));
  CHECK(w.asked[list("net")] == 1);
  CHECK(w.asked[list("gone")] == 1);

  SECTION("a list that fails is no shorter list") {
    w.resources[list("web")] =
        GENERATE(response(500), response(200, "{}"), response(200, R"({"value":[{}]})"),
                 response(403, error_body("AuthorizationFailed")));
    CHECK_FALSE(w.wait(w.provider->list_groups({"net", "web"})));
  }
  SECTION("a name that is none asks nobody") {
    const auto before = w.arm_server.sent.size();
    CHECK(w.wait(w.provider->list_groups({"a/../b"})).error().kind == Kind::invalid);
    CHECK(w.arm_server.sent.size() == before);
  }
  SECTION("a group of somewhere else does not belong in the list") {
    w.has(list("web"), R"({"value":[)" + group_body("/subscriptions/other/x") + "]}");
    CHECK(w.wait(w.provider->list_groups({"web"})).error().kind == Kind::malformed);
  }
}

namespace {

model::SecurityRule rule(const std::string& name = "portcullis-1-open-2") {
  model::SecurityRule rule;
  rule.name = name;
  rule.priority = 130;
  rule.access = model::Access::allow;
  rule.source.prefixes = {model::parse_prefix("203.0.113.7").value()};
  rule.destination.prefixes = {model::parse_prefix("10.0.0.4").value()};
  rule.destination_ports = {{22, 22}};
  return rule;
}

}  // namespace

TEST_CASE("a rule is put at its own address and awaited") {
  AzureFixture f;
  const std::string operation = "/subscriptions/s/operations/1?t=2";
  f.arm_server.answer(201, R"({"properties":{"provisioningState":"Updating"}})",
                      {{"Azure-AsyncOperation", arm + operation}, {"Retry-After", "10"}});
  f.arm_server.answer(200, R"({"status":"Succeeded"})");
  REQUIRE(f.wait(f.provider->put_rule(group_id(), rule())));
  REQUIRE(f.arm_server.sent.size() == 2);
  const auto& put = f.arm_server.sent[0];
  CHECK(put.request.method == "PUT");
  CHECK(put.request.target ==
        group_id() + "/securityRules/portcullis-1-open-2?api-version=2024-05-01");
  CHECK_THAT(put.request.body, Catch::StartsWith(R"({"properties":{"access":"Allow")"));
  CHECK(net::find_header(put.request.headers, "If-Match") == std::nullopt);
  CHECK(put.deadline <= 8s);
  CHECK(f.arm_server.sent[1].request.target == operation);
}

TEST_CASE("why a rule was not written is told in the terms on which callers branch") {
  AzureFixture f;
  const auto [status, code, kind] = GENERATE(table<int, std::string, Kind>({
      {400, "SecurityRuleConflict", Kind::conflict},
      {404, "ResourceNotFound", Kind::not_found},
      {409, "ScopeLocked", Kind::locked},
      {409, "AnotherOperationInProgress", Kind::busy},
      {403, "RequestDisallowedByPolicy", Kind::locked},
      {403, "AuthorizationFailed", Kind::forbidden},
      {500, "InternalServerError", Kind::unavailable},
  }));
  f.arm_server.answer(status, error_body(code));
  const auto put = f.wait(f.provider->put_rule(group_id(), rule()));
  CHECK(put.error().kind == kind);
  CHECK(put.error().code == code);
  CHECK(f.arm_server.sent.size() == 1);
}

TEST_CASE("a rule that cannot be written, or not there, asks nobody") {
  AzureFixture f;
  CHECK(f.wait(f.provider->put_rule(group_id(), rule("a/b"))).error().kind == Kind::invalid);
  CHECK(f.wait(f.provider->put_rule(group_id() + "/..", rule())).error().kind == Kind::invalid);
  CHECK(f.wait(f.provider->remove_rule(group_id(), "..")).error().kind == Kind::invalid);
  CHECK(f.wait(f.provider->remove_rule("x", "a")).error().kind == Kind::invalid);
  CHECK(f.arm_server.sent.empty());
  CHECK(f.login_server.sent.empty());
}

TEST_CASE("a rule is removed when the operation has ended, or when it was gone before") {
  AzureFixture f;
  SECTION("an operation") {
    f.arm_server.answer(
        202, "", {{"Azure-AsyncOperation", arm + "/op?x=1"}, {"Location", arm + "/loc?x=1"}});
    f.arm_server.answer(200, R"({"status":"Succeeded"})");
    REQUIRE(f.wait(f.provider->remove_rule(group_id(), "a")));
    CHECK(f.arm_server.sent[0].request.method == "DELETE");
    CHECK(f.arm_server.sent[0].request.body.empty());
    CHECK(f.arm_server.sent[1].request.target == "/op?x=1");
  }
  SECTION("204") {
    f.arm_server.answer(204, "");
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")));
    CHECK(f.arm_server.sent.size() == 1);
  }
}

TEST_CASE("a 404 to a removal is judged by the group itself") {
  AzureFixture f;
  const std::string code = GENERATE("NotFound", "ResourceNotFound");
  f.arm_server.answer(404, error_body(code));
  SECTION("the group is there without the rule: gone") {
    f.arm_server.answer(200, group_body(group_id(), "[" + simple_rule("other") + "]"));
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")));
  }
  SECTION("the group is gone") {
    f.arm_server.answer(404, error_body("ResourceNotFound"));
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")).error().kind == Kind::not_found);
  }
  SECTION("the group cannot be read") {
    f.arm_server.answer(403, error_body("AuthorizationFailed"));
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")).error().kind == Kind::forbidden);
  }
  SECTION("the group has the rule all the same") {
    f.arm_server.answer(200, group_body(group_id(), "[" + simple_rule("A") + "]"));
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")).error().kind == Kind::unavailable);
  }
}

TEST_CASE("a proxy's 404 to a removal does not mean gone") {
  AzureFixture f;
  f.arm_server.answer(404, "<html>");
  CHECK(f.wait(f.provider->remove_rule(group_id(), "a")).error().kind == Kind::unavailable);
  CHECK(f.arm_server.sent.size() == 1);
}

TEST_CASE("the check reads the subscription with a token") {
  AzureFixture f;
  const auto [body, kind] = GENERATE(table<std::string, std::optional<Kind>>({
      {R"({"subscriptionId":")" + subscription + R"(","state":"Enabled"})", std::nullopt},
      {R"({"subscriptionId":")" + subscription + R"(","state":"Warned"})", std::nullopt},
      {R"({"subscriptionId":")" + subscription + R"(","state":"Disabled"})", Kind::locked},
      {R"({"subscriptionId":"other","state":"Enabled"})", Kind::malformed},
      {"{}", Kind::malformed},
      {"", Kind::malformed},
  }));
  f.arm_server.answer(200, body);
  const auto checked = f.wait(f.provider->check());
  CHECK(f.arm_server.last().target == "/subscriptions/" + subscription + "?api-version=2022-12-01");
  if (kind) {
    CHECK(checked.error().kind == *kind);
  } else {
    CHECK(checked);
  }
}

TEST_CASE("a credential that does not work is what the check says") {
  AzureFixture f;
  f.login_server.serve = [](const net::Request&) {
    return response(401,
                    R"({"error":"invalid_client","error_description":"AADSTS70021: No match"})");
  };
  const auto checked = f.wait(f.provider->check());
  CHECK(checked.error().kind == Kind::unauthorized);
  CHECK(checked.error().code == "AADSTS70021");
  CHECK(checked.error().message == "login.microsoftonline.com answered 401: AADSTS70021: No match");
  CHECK(f.arm_server.sent.empty());
}

TEST_CASE("tokens go to the resource manager only, assertions to the login server only") {
  AzureFixture f;
  f.arm_server.answer(201, "{}", {{"Azure-AsyncOperation", "https://evil.example/op"}});
  CHECK_FALSE(f.wait(f.provider->put_rule(group_id(), rule())));
  CHECK(f.origins.size() == 2);
  CHECK(net::to_string(f.origins[0]) == arm);
  CHECK(net::to_string(f.origins[1]) == "https://login.microsoftonline.com");
  for (const auto& sent : f.arm_server.sent) {
    CHECK(sent.request.body.find(canary_assertion) == std::string::npos);
  }
  for (const auto& sent : f.login_server.sent) {
    CHECK(sent.request.body.find(canary_token) == std::string::npos);
    CHECK(net::find_header(sent.request.headers, "Authorization") == std::nullopt);
  }
}

TEST_CASE("no error text holds the token, whatever of the request is echoed") {
  AzureFixture f;
  const int status = GENERATE(200, 201, 202, 302, 400, 401, 403, 404, 409, 412, 429, 500, 503);
  const std::string form = GENERATE(
      "<html>{}</html>", R"({{"error":{{"code":"{0}","message":"x {0}"}}}})",
      R"({{"status":"Failed","error":{{"code":"X","message":"{0}"}}}})", R"({{"name":"{0}"}})");
  f.arm_server.serve = [&](const net::Request& request) -> Result<net::Response> {
    const auto bearer = net::find_header(request.headers, "Authorization").value_or("");
    const std::string token(bearer.substr(7));
    return response(status, fmt::format(fmt::runtime(form), token),
                    {{"Location", "https://" + token + ".evil.example/?t=" + token}});
  };
  const auto holds_none = [](const auto& result) {
    return result ||
           (result.error().message + result.error().code).find(canary_token) == std::string::npos;
  };
  CHECK(holds_none(f.wait(f.provider->check())));
  CHECK(holds_none(f.wait(f.provider->read_group(group_id()))));
  CHECK(holds_none(f.wait(f.provider->read_machine(machine_id))));
  CHECK(holds_none(f.wait(f.provider->list_groups({"net"}))));
  CHECK(holds_none(f.wait(f.provider->put_rule(group_id(), rule()))));
  CHECK(holds_none(f.wait(f.provider->remove_rule(group_id(), "a"))));
}

TEST_CASE("no error text holds the assertion, whatever of the request is echoed") {
  AzureFixture f;
  const int status = GENERATE(200, 302, 400, 401, 429, 500);
  const std::string form =
      GENERATE("<html>{0}</html>", R"({{"error":"assertion-canary-5f3a"}})",
               R"({{"error":"{0}","error_description":"AADSTS1: {0}"}})",
               R"({{"error":"x","error_description":"{0}: AADSTS1"}})",
               R"({{"error":"x","error_description":"AADSTSassertion-canary-5f3a: x"}})",
               R"({{"access_token":"","error":"{0}"}})");
  f.login_server.serve = [&](const net::Request& request) -> Result<net::Response> {
    return response(status, fmt::format(fmt::runtime(form), request.body));
  };
  const auto checked = f.wait(f.provider->check());
  REQUIRE_FALSE(checked);
  CHECK_THAT(checked.error().message + checked.error().code, !Catch::Contains(canary_assertion));
}

TEST_CASE("a closed provider ends what is under way and refuses the rest") {
  AzureFixture f;
  f.arm_server.answer(201, R"({"properties":{"provisioningState":"Updating"}})",
                      {{"Azure-AsyncOperation", arm + "/op"}, {"Retry-After", "10"}});
  Outcome<Result<Done>> outcome;
  start(f.io, f.provider->put_rule(group_id(), rule()), outcome);
  settle(f.io);
  REQUIRE_FALSE(outcome.value);
  f.provider->close();
  settle(f.io);
  REQUIRE(outcome.value);
  CHECK(outcome.value->error().kind == Kind::cancelled);
  CHECK(f.wait(f.provider->check()).error().kind == Kind::cancelled);
  f.provider->close();
}

TEST_CASE("options that cannot be make no provider") {
  AzureFixture f;
  auto options = AzureFixture::options();
  SECTION("a resource manager without TLS") { options.endpoints.arm = "http://arm.test"; }
  SECTION("a login server without TLS") { options.endpoints.login = "http://login.test"; }
  SECTION("a resource manager with a path") { options.endpoints.arm += "/x"; }
  SECTION("a query") { options.endpoints.login += "/?x=1"; }
  SECTION("no address") { options.endpoints.arm = "management.azure.com"; }
  SECTION("user information") { options.endpoints.arm = "https://a@management.azure.com"; }
  SECTION("no subscription") { options.subscription_id = GENERATE("", "a/b", "a b", ".."); }
  SECTION("no tenant") { options.tenant_id = ""; }
  SECTION("no client") { options.client_id = ""; }
  SECTION("no file") { options.secret_file = ""; }
  const auto provider = f.make(options);
  REQUIRE_FALSE(provider);
  CHECK(provider.error().kind == Kind::invalid);
}

TEST_CASE("a managed identity asks the metadata service, and no file") {
  AzureFixture f;
  auto options = AzureFixture::options();
  options.credential = cloud::CredentialKind::managed_identity;
  options.secret_file = "";
  options.tenant_id = "";
  f.origins.clear();
  f.provider = f.make(options).value();
  CHECK(net::to_string(f.origins[1]) == "http://169.254.169.254");
  f.arm_server.answer(200, R"({"subscriptionId":")" + subscription + "\"}");
  CHECK(f.wait(f.provider->check()));
  CHECK(net::find_header(f.login_server.last().headers, "Metadata") == "true");
}

TEST_CASE("a login server's path is kept before the tenant") {
  AzureFixture f;
  auto options = AzureFixture::options();
  options.endpoints.login = "https://lab.test:8443/login/";
  f.provider = f.make(options).value();
  f.arm_server.answer(500, "");
  CHECK_FALSE(f.wait(f.provider->check()));
  CHECK(f.login_server.last().target ==
        "/login/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token");
}

TEST_CASE("every environment has its own servers") {
  CHECK(cloud::azure_endpoints("AzurePublic")->arm == "https://management.azure.com");
  CHECK(cloud::azure_endpoints("AzureGovernment")->login == "https://login.microsoftonline.us");
  CHECK(cloud::azure_endpoints("AzureChina")->audience == "https://management.chinacloudapi.cn");
  CHECK_FALSE(cloud::azure_endpoints("azurepublic"));
  CHECK_FALSE(cloud::azure_endpoints(""));
}
