// What the lists of a subscription spare, and what they make be read at once.

#include "controllers/inventory_reconciler.hpp"

#include "controllers/standing.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

const std::string vm_key = model::resource_key(vm);
const std::string other_nsg = sub + "net/providers/Microsoft.Network/networkSecurityGroups/nsg-b";

/// web-1 behind one group, named by one policy; lists every five minutes.
struct Stock : RequestScene {
  InventoryReconciler inventory;

  explicit Stock(std::size_t groups_read_directly = 200)
      : inventory(world, 5min, groups_read_directly) {
    world.inventories.clear();
    cloud.calls.clear();
    list();
    minute();
    REQUIRE(locked() == "10.0.0.4/32 ");
    cloud.calls.clear();
  }

  void list() { (void)test::run(io, clock, inventory.reconcile("prod")); }
  /// Everybody's minute, as the queues have it; the inventory keeps its own time.
  void minute() {
    clock.advance(1min);
    if (due <= clock.now()) {
      const auto next = test::run(io, clock, inventory.reconcile("prod"));
      due = next && next->at ? *next->at : clock.now() + 30s;
    }
    (void)policy_pass();
    (void)group_pass();
    for (auto& [group, view] : world.groups) {
      if (group != key) (void)test::run(io, clock, groups.reconcile(group));
    }
    (void)policy_pass();
  }
  void minutes(int count) {
    while (count-- > 0) minute();
  }
  auto count(const std::string& call) { return std::ranges::count(cloud.calls, call); }
  model::VirtualMachine& machine() { return cloud.machines.at(vm_key); }

  std::string locked(const std::string& group = key) const {
    std::string text;
    for (const auto& rule : cloud.groups.at(group).rules) {
      const auto mark = plan::read_mark(rule, world.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      if (own == nullptr || own->kind != plan::RuleKind::lock) continue;
      for (const auto& one : rule.destination.prefixes) text += to_string(one) + " ";
    }
    return text;
  }
  std::string ready() {
    for (const json& one : api.objects["jitpolicies/prod-ssh"]["status"]["conditions"]) {
      if (one["type"] == "Ready") return one["reason"];
    }
    return "unknown";
  }

  TimePoint due{};
};

TEST_CASE_METHOD(Stock, "a machine that the lists show unchanged is read in its turn only",
                 "[inventory]") {
  minutes(240);
  CHECK(count("take_inventory") == 48);
  CHECK(count("read_machine") == 2);
  CHECK(ready() == "Ready");
}

TEST_CASE_METHOD(Stock, "without a policy nothing is listed", "[inventory]") {
  api.objects.erase("jitpolicies/prod-ssh");
  api.deliver(world);
  minutes(10);
  CHECK(count("take_inventory") == 0);
  CHECK(world.inventories.empty());
}

TEST_CASE_METHOD(Stock, "what the lists show changed is read at once and locked", "[inventory]") {
  minutes(3);
  cloud.calls.clear();
  SECTION("an address changes") {
    machine().paths[0].address = prefix("10.0.0.9");
    minutes(5);
    CHECK(locked() == "10.0.0.9/32 ");
  }
  SECTION("an address comes") {
    machine().paths.push_back({.address = prefix("10.0.0.9"), .interface_group = nsg});
    minutes(5);
    CHECK(locked() == "10.0.0.4/32 10.0.0.9/32 ");
  }
  SECTION("an interface comes, behind another group") {
    cloud.groups[model::resource_key(other_nsg)] = cloud.groups.at(key);
    cloud.groups[model::resource_key(other_nsg)].id = other_nsg;
    cloud.groups[model::resource_key(other_nsg)].rules.clear();
    machine().paths.push_back(
        {.interface_id = "nic-2", .address = prefix("10.1.0.9"), .interface_group = other_nsg});
    minutes(5);
    CHECK(locked(model::resource_key(other_nsg)) == "10.1.0.9/32 ");
    CHECK(locked() == "10.0.0.4/32 ");
  }
  SECTION("its subnet gets another group, and the interface none") {
    cloud.groups[model::resource_key(other_nsg)] = cloud.groups.at(key);
    cloud.groups[model::resource_key(other_nsg)].id = other_nsg;
    cloud.groups[model::resource_key(other_nsg)].rules.clear();
    machine().paths[0].interface_group.reset();
    machine().paths[0].subnet_group = other_nsg;
    minutes(5);
    CHECK(locked(model::resource_key(other_nsg)) == "10.0.0.4/32 ");
  }
  CHECK(count("read_machine") == 1);
  CHECK(ready() == "Ready");
}

TEST_CASE_METHOD(Stock, "a list takes nothing away, it makes things be read", "[inventory]") {
  SECTION("a machine that no list shows any more") {
    cloud.hidden.insert(vm_key);
    minutes(30);
    CHECK(count("read_machine") >= 6);
    CHECK(count("read_machine") <= 12);
  }
  SECTION("a list that goes on showing another address than the machine itself") {
    cloud.listed[vm_key] = machine();
    cloud.listed[vm_key].paths[0].address = prefix("10.0.0.9");
    minutes(240);
    // After 1, 2, 4, ... minutes, then once an hour.
    CHECK(count("read_machine") >= 6);
    CHECK(count("read_machine") <= 14);
    // When it shows something else, that is news.
    cloud.calls.clear();
    cloud.listed[vm_key].paths[0].address = prefix("10.0.0.10");
    minutes(5);
    CHECK(count("read_machine") >= 1);
  }
  CHECK(locked() == "10.0.0.4/32 ");
}

TEST_CASE_METHOD(Stock, "a machine that is gone is read, not believed gone", "[inventory]") {
  cloud.machines.erase(vm_key);
  minutes(5);
  CHECK(count("read_machine") >= 1);
  CHECK(world.machines.at(vm_key).missing_since);
  minute();
  CHECK(world.machines.at(vm_key).gone);
}

TEST_CASE_METHOD(Stock, "lists that fail spare nothing for longer than a period", "[inventory]") {
  cloud.fail_always["take_inventory"] = {.kind = Error::Kind::forbidden, .message = "403"};
  minutes(60);
  CHECK(count("read_machine") >= 9);
  CHECK(count("read_machine") <= 13);
  machine().paths[0].address = prefix("10.0.0.9");
  minutes(7);
  CHECK(locked() == "10.0.0.9/32 ");
}

TEST_CASE_METHOD(Stock, "a machine that something is open on is read each minute", "[inventory]") {
  open();
  cloud.calls.clear();
  for (int i = 0; i < 5; ++i) {
    minute();
    (void)pass();
  }
  CHECK(count("read_machine") >= 5);
}

TEST_CASE_METHOD(Stock, "few groups are read one by one, whatever lists say", "[inventory]") {
  minutes(10);
  CHECK(count("read_group") == 10);
  CHECK(count("list_groups") == 0);
}

struct ByList : Stock {
  ByList() : Stock(0) { REQUIRE_FALSE(cloud.groups.at(key).etag.empty()); }
};

TEST_CASE_METHOD(ByList, "of many groups only those that a list shows changed are read",
                 "[inventory]") {
  minutes(120);
  CHECK(count("list_groups") == 120);
  CHECK(count("read_group") == 2);
  CHECK(ready() == "Ready");

  SECTION("somebody widens a lock: put right after the next list") {
    cloud.calls.clear();
    const auto lock = std::ranges::find_if(cloud.groups.at(key).rules, [](const auto& rule) {
      return rule.name.find("-lock-") != std::string::npos;
    });
    REQUIRE(lock != cloud.groups.at(key).rules.end());
    lock->destination.prefixes = {prefix("10.0.0.7")};
    cloud.touch(nsg);
    minute();
    CHECK(locked() == "10.0.0.4/32 ");
    CHECK(count("read_group") == 2);
  }
  SECTION("a change of what is wanted needs no list") {
    cloud.calls.clear();
    api.edit(
        "jitpolicies/prod-ssh",
        {{"spec", {{"ports", {{{"port", 2222}, {"protocol", "TCP"}, {"maxDuration", "1h"}}}}}}});
    minute();
    REQUIRE(count("read_group") >= 2);
    const auto& rules = cloud.groups.at(key).rules;
    CHECK(std::ranges::any_of(rules, [](const auto& rule) {
      return rule.destination_ports == std::vector<model::PortRange>{{2222, 2222}};
    }));
  }
  SECTION("the list fails: each group is read by itself again") {
    cloud.fail_always["list_groups"] = {.kind = Error::Kind::unavailable, .message = "503"};
    cloud.calls.clear();
    minutes(10);
    CHECK(count("read_group") >= 7);
    CHECK(ready() == "Ready");
  }
  SECTION("the list always shows another etag than the group itself") {
    cloud.listed_etag = "other";
    minutes(10);
    cloud.calls.clear();
    minutes(60);
    CHECK(count("read_group") <= 6);
    CHECK(ready() == "Ready");
    cloud.listed_etag = "another";
    cloud.calls.clear();
    minute();
    CHECK(count("read_group") == 1);
  }
}

TEST_CASE_METHOD(ByList, "a group with something open is read each minute", "[inventory]") {
  open();
  cloud.calls.clear();
  minutes(5);
  CHECK(count("read_group") >= 5);
}

TEST_CASE("turns are spread evenly over a round") {
  const TimePoint now{1'795'000'000s};
  constexpr int many = 12'000;
  std::vector<int> in_minute(120);
  for (int i = 0; i < many; ++i) {
    const auto turn = last_turn("/subscriptions/x/vm-" + std::to_string(i), now, machine_round);
    REQUIRE(turn <= now);
    REQUIRE(now - turn < machine_round);
    ++in_minute[static_cast<std::size_t>((now - turn) / 1min)];
  }
  for (const int count : in_minute) {
    CHECK(count > 50);
    CHECK(count < 150);
  }
  // A turn comes once a round.
  const std::string one = "/subscriptions/x/vm";
  const auto turn = last_turn(one, now, machine_round);
  CHECK(last_turn(one, turn, machine_round) == turn);
  CHECK(last_turn(one, turn + machine_round - 1ms, machine_round) == turn);
  CHECK(last_turn(one, turn + machine_round, machine_round) == turn + machine_round);
}

TEST_CASE("a fingerprint tells what matters of a machine") {
  model::VirtualMachine machine{.id = vm, .vm_id = "1", .name = "web-1", .resource_group = "web"};
  machine.tags = {{"tier", "web"}};
  machine.paths = {{.interface_id = "/nic-1",
                    .address = prefix("10.0.0.4"),
                    .subnet_group = nsg,
                    .application_groups = {"/asg"}}};
  const auto before = fingerprint(machine);
  SECTION("letter case and public addresses do not") {
    machine.id = model::ascii_lower(machine.id);
    machine.paths[0].interface_id = "/NIC-1";
    machine.paths[0].subnet_group = model::ascii_lower(nsg);
    machine.paths[0].public_address = "198.51.100.1";
    CHECK(fingerprint(machine) == before);
  }
  SECTION("everything else does") {
    switch (GENERATE(0, 1, 2, 3, 4, 5, 6, 7)) {
      case 0:
        machine.vm_id = "2";
        break;
      case 1:
        machine.tags[0].second = "db";
        break;
      case 2:
        machine.paths[0].address = prefix("10.0.0.5");
        break;
      case 3:
        machine.paths[0].interface_id = "/nic-2";
        break;
      case 4:
        machine.paths[0].subnet_group.reset();
        break;
      case 5:
        machine.paths[0].interface_group = nsg;
        break;
      case 6:
        machine.paths[0].application_groups.clear();
        break;
      default:
        machine.paths.push_back(machine.paths[0]);
        machine.paths[1].address = prefix("10.0.0.5");
        break;
    }
    CHECK(fingerprint(machine) != before);
  }
}

}  // namespace
}  // namespace portcullis::controllers
