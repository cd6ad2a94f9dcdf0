#include <catch2/catch.hpp>

#include "azure_world.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using Kind = Error::Kind;

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

TEST_CASE("a group on the way that is none, or out of reach, makes the whole reading an error") {
  World w;
  const std::string good = group_id("nic-nsg");
  const std::string bad = GENERATE_COPY(
      good + "/", good + "?x", good + "/../x", good + "/securityRules/x", "nic-nsg",
      "/subscriptions/99999999-0000-4000-8000-000000000000" + good.substr(good.find("/resource")),
      id_of("Microsoft.Storage/networkSecurityGroups/nic-nsg"));
  SECTION("of an interface") {
    w.has(nic_1, nic_body(nic_1, configuration("10.0.0.5", subnet_1),
                          R"(,"networkSecurityGroup":)" + reference(bad)));
  }
  SECTION("of a subnet") { w.has(subnet_1, subnet_body(subnet_1, bad)); }
  const auto machine = w.read();
  REQUIRE_FALSE(machine);
  CHECK_THAT(machine.error().message,
             Catch::Contains("networkSecurityGroups") || Catch::Contains("another subscription"));
  CHECK_THAT(machine.error().message, Catch::Contains(bad));
  CHECK(w.asked[bad] == 0);
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
  CHECK_THAT(machine.error().message, Catch::Contains("scale set with uniform orchestration"));
  CHECK_THAT(machine.error().message, Catch::Contains(scale_set_nic));
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

TEST_CASE("the world may end at any step of a call, and nothing of it is touched afterwards") {
  for (int steps = 0; steps < 12; ++steps) {
    Outcome<Result<model::VirtualMachine>> machine;
    Outcome<Result<std::vector<cloud::ListedGroup>>> groups;
    Outcome<Result<Done>> put;
    World w;
    w.arm_server.latency = w.login_server.latency = 1s;
    start(w.io, w.provider->read_machine(machine_id), machine);
    start(w.io, w.provider->list_groups({"a", "b", "c", "d", "e"}), groups);
    start(w.io, w.provider->put_rule(group_id(), rule()), put);
    w.clock.run_for(w.io, steps * 500ms);
    CHECK(w.login_server.sent.size() <= 1);
  }
}
