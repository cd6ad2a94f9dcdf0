// What the lists of a subscription are put together to.

#include <catch2/catch.hpp>

#include "azure_world.hpp"

using namespace portcullis;
using namespace portcullis::test;
using Kind = Error::Kind;

namespace {

std::string all_of(const std::string& type) {
  return "/subscriptions/" + subscription + "/providers/" + type;
}

const std::string machines = all_of("Microsoft.Compute/virtualMachines");
const std::string interfaces = all_of("Microsoft.Network/networkInterfaces");
const std::string networks = all_of("Microsoft.Network/virtualNetworks");
const std::string other_machine = id_of("Microsoft.Compute/virtualMachines/web-2");
const std::string nic_3 = id_of("Microsoft.Network/networkInterfaces/nic-3");

std::string with_id(std::string body, const std::string& from, const std::string& to) {
  for (auto at = body.find(from); at != std::string::npos; at = body.find(from, at + to.size())) {
    body.replace(at, from.size(), to);
  }
  return body;
}

/// A world whose lists show what its resources are, and one machine more.
struct Subscription : World {
  std::vector<std::string> listed_machines;
  std::vector<std::string> listed_interfaces;
  std::vector<std::string> subnets;

  Subscription() {
    listed_machines = {
        resources.at(machine_id).body,
        with_id(machine_body("[" + reference(nic_3) + "]"), machine_id, other_machine)};
    listed_interfaces = {
        resources.at(nic_1).body, resources.at(nic_2).body,
        with_id(nic_body(nic_3, configuration("10.0.0.9", subnet_1)), machine_id, other_machine)};
    subnets = {resources.at(subnet_1).body, resources.at(subnet_2).body};
  }

  static std::string page(const std::vector<std::string>& items) {
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ",") + item;
    return R"({"value":[)" + text + "]}";
  }

  Result<model::Inventory> take() {
    if (!resources.contains(machines)) has(machines, page(listed_machines));
    if (!resources.contains(interfaces)) has(interfaces, page(listed_interfaces));
    if (!resources.contains(networks)) {
      std::string text;
      for (const auto& subnet : subnets) text += (text.empty() ? "" : ",") + subnet;
      has(networks, R"({"value":[{"id":")" + id_of("Microsoft.Network/virtualNetworks/v") +
                        R"(","properties":{"subnets":[)" + text + "]}}]}");
    }
    return wait(provider->take_inventory());
  }

  static const model::ListedMachine* find(const model::Inventory& inventory,
                                          const std::string& id) {
    for (const auto& machine : inventory.machines) {
      if (model::resource_key(machine.id) == model::resource_key(id)) return &machine;
    }
    return nullptr;
  }
};

}  // namespace

TEST_CASE("what lists show of a machine is what its direct reading says") {
  Subscription w;
  // Lists of machines shout the resource group.
  w.listed_machines[0] = with_id(w.listed_machines[0], "/web/", "/WEB/");
  const auto inventory = w.take();
  REQUIRE(inventory);
  CHECK(w.asked.size() == 3);
  CHECK(inventory->skipped == 0);
  REQUIRE(inventory->machines.size() == 2);
  const auto* listed = Subscription::find(*inventory, machine_id);
  REQUIRE(listed != nullptr);
  REQUIRE(listed->whole);
  auto direct = w.read().value();
  for (auto& path : direct.paths) path.public_address.clear();
  CHECK(listed->whole->paths == direct.paths);
  CHECK(listed->whole->vm_id == direct.vm_id);
  CHECK(listed->whole->tags == direct.tags);

  REQUIRE(inventory->addresses.size() == 4);
  CHECK(to_string(inventory->addresses[0].address) == "10.0.0.5/32");
  CHECK(inventory->addresses[0].groups == std::vector{model::resource_key(group_id("subnet-nsg")),
                                                      model::resource_key(group_id("nic-nsg"))});
  CHECK(inventory->addresses[0].subnet_listed);
  CHECK(inventory->addresses[2].groups.empty());
  CHECK(inventory->addresses[3].machine_id == other_machine);
}

TEST_CASE("tags are listed, and lists have pages") {
  Subscription w;
  w.listed_machines[0].insert(1, R"("tags":{"tier":"web","Env":"prod"},)");
  w.has(machines, R"({"value":[)" + w.listed_machines[0] + R"(],"nextLink":")" + arm +
                      R"(/page/2?$skiptoken=t"})");
  w.has("/page/2", R"({"value":[)" + w.listed_machines[1] + "]}");
  const auto inventory = w.take();
  REQUIRE(inventory);
  REQUIRE(inventory->machines.size() == 2);
  CHECK(inventory->machines[0].tags == model::Tags{{"Env", "prod"}, {"tier", "web"}});
  CHECK(inventory->machines[0].whole->tags == inventory->machines[0].tags);
  CHECK(inventory->machines[1].tags.empty());
}

TEST_CASE("one broken item of a list hides nothing but itself") {
  Subscription w;
  SECTION("a machine") {
    w.listed_machines.push_back(GENERATE(
        as<std::string>(), "7", "null", "{}", R"({"id":7})", R"({"id":"x"})",
        R"({"id":"/subscriptions/other/resourceGroups/a/providers/Microsoft.Compute/)"
        R"(virtualMachines/b"})",
        R"({"id":")" + id_of("Microsoft.Compute/virtualMachines/b") + R"(","tags":["tier"]})",
        R"({"id":")" + id_of("Microsoft.Compute/virtualMachines/b") + R"(","tags":{"tier":7}})"));
    const auto inventory = w.take();
    REQUIRE(inventory);
    CHECK(inventory->skipped == 1);
    CHECK(inventory->machines.size() == 2);
    CHECK(Subscription::find(*inventory, machine_id)->whole);
  }
  SECTION("an interface: its machine is read directly, others are whole") {
    w.listed_interfaces[0] =
        GENERATE(nic_body(nic_1, ""), nic_body(nic_1, configuration("nonsense", subnet_1)),
                 R"({"id":")" + nic_1 + "\"}");
    const auto inventory = w.take();
    REQUIRE(inventory);
    CHECK(inventory->skipped == 1);
    REQUIRE(Subscription::find(*inventory, machine_id) != nullptr);
    CHECK_FALSE(Subscription::find(*inventory, machine_id)->whole);
    CHECK(Subscription::find(*inventory, other_machine)->whole);
  }
  SECTION("a subnet") {
    w.subnets[1] = GENERATE_COPY(std::string("{}"), R"({"id":")" + subnet_2 + "\"}");
    const auto inventory = w.take();
    REQUIRE(inventory);
    CHECK(inventory->skipped == 1);
    CHECK_FALSE(Subscription::find(*inventory, machine_id)->whole);
    CHECK(Subscription::find(*inventory, other_machine)->whole);
    CHECK_FALSE(inventory->addresses[2].subnet_listed);
  }
  SECTION("a network") {
    w.has(networks, R"({"value":[{}]})");
    const auto inventory = w.take();
    REQUIRE(inventory);
    CHECK(inventory->skipped == 1);
    CHECK(inventory->machines.size() == 2);
  }
  SECTION("a machine of which only tags are understood may still be picked") {
    w.listed_machines.push_back(R"({"id":")" + id_of("Microsoft.Compute/virtualMachines/b") +
                                R"(","tags":{"tier":"web"}})");
    const auto inventory = w.take();
    REQUIRE(inventory);
    CHECK(inventory->skipped == 0);
    REQUIRE(inventory->machines.size() == 3);
    CHECK(inventory->machines[2].tags == model::Tags{{"tier", "web"}});
    CHECK_FALSE(inventory->machines[2].whole);
  }
}

TEST_CASE("a machine of which lists show a part is not whole") {
  Subscription w;
  SECTION("an interface is hidden") { w.listed_interfaces.erase(w.listed_interfaces.begin()); }
  SECTION("an interface is another machine's") {
    w.listed_interfaces[0] = with_id(w.listed_interfaces[0], machine_id, other_machine);
  }
  SECTION("a subnet is hidden") { w.subnets.erase(w.subnets.begin()); }
  SECTION("an interface of a scale set") {
    w.listed_machines[0] = machine_body(
        "[" +
        reference(id_of("Microsoft.Compute/virtualMachineScaleSets/s/virtualMachines/0/"
                        "networkInterfaces/n")) +
        "]");
  }
  SECTION("a group that can be none") {
    w.subnets[0] = subnet_body(subnet_1, group_id("subnet-nsg") + "/..");
  }
  const auto inventory = w.take();
  REQUIRE(inventory);
  const auto* machine = Subscription::find(*inventory, machine_id);
  REQUIRE(machine != nullptr);
  CHECK_FALSE(machine->whole);
}

TEST_CASE("a list that fails is no shorter list; networks may be hidden from us") {
  Subscription w;
  SECTION("machines or interfaces") {
    const auto& list = GENERATE_REF(machines, interfaces);
    w.resources[list] = GENERATE(response(500), response(200, "{}"), response(200, "<html>"),
                                 response(403, error_body("AuthorizationFailed")));
    CHECK_FALSE(w.take());
  }
  SECTION("networks") {
    w.resources[networks] = response(500);
    CHECK_FALSE(w.take());
  }
  SECTION("networks that may not be listed") {
    w.resources[networks] = response(403, error_body("AuthorizationFailed"));
    const auto inventory = w.take();
    REQUIRE(inventory);
    CHECK(inventory->machines.size() == 2);
    CHECK_FALSE(inventory->machines[0].whole);
    CHECK_FALSE(inventory->addresses[0].subnet_listed);
  }
}
