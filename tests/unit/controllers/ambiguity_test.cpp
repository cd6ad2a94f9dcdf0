#include "controllers/ambiguity.hpp"
// Nothing is opened to an address that is not one machine's alone.

#include "controllers/inventory_reconciler.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

const std::string other_nsg = sub + "net/providers/Microsoft.Network/networkSecurityGroups/nsg-b";

std::string nic(const std::string& name) {
  return sub + "web/providers/Microsoft.Network/networkInterfaces/" + name;
}

struct Twins : RequestScene {
  Twins() {
    for (auto* machine : {&cloud.machines.at(model::resource_key(vm)),
                          &*world.machines.at(model::resource_key(vm)).machine}) {
      machine->paths[0].interface_id = nic("nic-1");
    }
    list({.address = prefix("10.0.0.4"),
          .interface_id = nic("NIC-1"),  // its own
          .machine_id = vm,
          .groups = {key},
          .subnet_listed = true});
  }

  void list(model::ListedAddress address) {
    world.inventories["prod"].addresses.push_back(std::move(address));
  }

  /// What becomes of a request.
  std::string decided() {
    (void)pass();
    (void)pass();
    return state();
  }
  json why() { return condition("Ready"); }
};

TEST_CASE_METHOD(Twins, "an address of one interface alone is granted", "[ambiguity]") {
  SECTION("no other has it") {}
  SECTION("one that has it stands behind another group") {
    list({.address = prefix("10.0.0.4"),
          .interface_id = nic("nic-9"),
          .groups = {model::resource_key(other_nsg)},
          .subnet_listed = true});
  }
  SECTION("one that has it stands behind no group") {
    list({.address = prefix("10.0.0.4"), .interface_id = nic("nic-9"), .subnet_listed = true});
  }
  SECTION("one behind the same group has another") {
    list({.address = prefix("10.0.0.5"),
          .interface_id = nic("nic-9"),
          .groups = {key},
          .subnet_listed = true});
  }
  CHECK(decided() != "Denied");
  CHECK(verdict_object()["spec"]["outcome"] == "Granted");
}

TEST_CASE_METHOD(Twins, "an address that two interfaces behind one group have is refused",
                 "[ambiguity]") {
  SECTION("both are named") {
    list({.address = prefix("10.0.0.4"),
          .interface_id = nic("nic-9"),
          .machine_id = sub + "web/providers/Microsoft.Compute/virtualMachines/db-1",
          .groups = {model::resource_key(other_nsg), key},
          .subnet_listed = true});
    CHECK(decided() == "Denied");
    CHECK(message() ==
          "address 10.0.0.4/32 of interface \"web/nic-1\" of machine \"web-1\" is also that of "
          "interface \"web/nic-9\" of machine \"db-1\", and NSG \"nsg-web\" stands before both: a "
          "rule would open both; give one of them another address, or an NSG of its own");
  }
  SECTION("an interface without a machine, with a block of addresses") {
    list({.address = prefix("10.0.0.0/28"),
          .interface_id = nic("nic-9"),
          .groups = {key},
          .subnet_listed = true});
    CHECK(decided() == "Denied");
  }
  SECTION("one whose subnet may not be listed") {
    list({.address = prefix("10.0.0.4"), .interface_id = nic("nic-9")});
    CHECK(decided() == "Denied");
    CHECK(message().find("the same NSG may stand before both") != std::string::npos);
  }
  SECTION("one that was read directly since the lists") {
    model::VirtualMachine other{
        .id = vm + "-b", .vm_id = "b", .name = "web-1-b", .resource_group = "web"};
    other.paths = {
        {.interface_id = nic("nic-9"), .address = prefix("10.0.0.4"), .subnet_group = nsg}};
    world.machines[model::resource_key(other.id)] = {.machine = other, .read_at = clock.now()};
    CHECK(decided() == "Denied");
  }
  CHECK(verdict_object()["spec"]["reason"] == "AmbiguousAddress");
  check_nothing_opens();
}

TEST_CASE_METHOD(Twins, "only addresses of the sources' family count", "[ambiguity]") {
  for (auto* machine : {&cloud.machines.at(model::resource_key(vm)),
                        &*world.machines.at(model::resource_key(vm)).machine}) {
    machine->paths.push_back(
        {.interface_id = nic("nic-1"), .address = prefix("fd00::4"), .interface_group = nsg});
  }
  list({.address = prefix("fd00::4"),
        .interface_id = nic("nic-9"),
        .groups = {key},
        .subnet_listed = true});
  CHECK(decided() != "Denied");
}

TEST_CASE_METHOD(Twins, "before the interfaces were listed nothing is granted", "[ambiguity]") {
  world.inventories.clear();
  InventoryReconciler inventory(world, 5min);
  cloud.fail_once["take_inventory"] = {.kind = Error::Kind::forbidden, .message = "403 no"};
  CHECK(decided() == "Pending");
  CHECK(why()["reason"] == "PolicyNotReady");
  CHECK(message() ==
        "waits until the network interfaces of CloudAccount \"prod\" have been listed: another one "
        "may have the same address");
  CHECK_FALSE(test::run(io, clock, inventory.reconcile("prod")));
  CHECK(decided() == "Pending");
  CHECK(message().find("same address: 403 no") != std::string::npos);
  drain(world.request_queue);
  REQUIRE(test::run(io, clock, inventory.reconcile("prod")));
  CHECK(world.request_queue.ready() == 1);  // it need not wait for its next look
  CHECK(decided() != "Pending");
  CHECK(verdict_object()["spec"]["outcome"] == "Granted");
}

TEST_CASE_METHOD(Twins, "after a start a grant opens when the interfaces have been listed",
                 "[ambiguity]") {
  (void)pass();
  REQUIRE(verdict_object()["spec"]["outcome"] == "Granted");
  api.deliver(world);
  world.inventories.clear();
  InventoryReconciler inventory(world, 5min);
  world.coming.settle("request");  // as its watch event does
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  (void)group_pass();
  (void)pass();
  CHECK_FALSE(is_open());
  CHECK(state() == "Opening");
  CHECK(why()["reason"] == "Opening");
  CHECK(message() ==
        "NSG \"nsg-web\": waits until the network interfaces of CloudAccount \"prod\" have been "
        "listed: another one may have the same address");
  drain(world.group_queue);
  REQUIRE(test::run(io, clock, inventory.reconcile("prod")));
  CHECK(world.group_queue.ready() == 1);
  (void)group_pass();
  CHECK(is_open());

  SECTION("lists that come again wake nobody") {
    drain(world.group_queue);
    drain(world.request_queue);
    clock.advance(5min);
    REQUIRE(test::run(io, clock, inventory.reconcile("prod")));
    CHECK(world.group_queue.ready() == 0);
    CHECK(world.request_queue.ready() == 0);
  }
}

TEST_CASE_METHOD(Twins, "lists that have failed for long tell of no address", "[ambiguity]") {
  auto& inventory = world.inventories["prod"];
  inventory.listed_at = clock.now();
  inventory.error = Error{.kind = Error::Kind::forbidden, .message = "403"};
  SECTION("for a while they count") {
    clock.advance(9min);
    CHECK_FALSE(addresses_unknown(world, *world.stores.accounts.find("prod")));
  }
  SECTION("then nothing is granted") {
    clock.advance(10min);
    const auto unknown = addresses_unknown(world, *world.stores.accounts.find("prod"));
    REQUIRE(unknown);
    CHECK(unknown->find("403") != std::string::npos);
  }
}

TEST_CASE_METHOD(Twins, "a grant that begins later is looked at once more", "[ambiguity]") {
  const auto soon = clock.now() + 10min;
  asked()["spec"]["startAt"] = format_rfc3339(soon);
  (void)pass();
  (void)pass();
  REQUIRE(state() == "Scheduled");
  list({.address = prefix("10.0.0.4"),
        .interface_id = nic("nic-9"),
        .groups = {key},
        .subnet_listed = true});
  clock.advance(10min + 1s);
  (void)policy_pass();
  (void)pass();
  (void)pass();
  CHECK(verdict_object()["spec"]["ended"]["reason"] == "AmbiguousAddress");
  check_nothing_opens();
}

/// A grant whose machine has another address by the time that it is opened.
struct MovedTwin : Twins {
  MovedTwin() {
    list({.address = prefix("10.0.0.9"),
          .interface_id = nic("nic-9"),
          .machine_id = sub + "web/providers/Microsoft.Compute/virtualMachines/db-1",
          .groups = {key},
          .subnet_listed = true});
    REQUIRE(pass());
    REQUIRE(verdict_object()["spec"]["outcome"] == "Granted");
    move_to("10.0.0.9");
  }

  void move_to(const char* address) {
    cloud.machines.at(model::resource_key(vm)).paths[0].address = prefix(address);
    world.machines[model::resource_key(vm)].read_at = clock.now() - reading_opens_for - 1s;
  }
  bool opens_to(const char* address) const {
    return std::ranges::any_of(cloud.groups.at(key).rules, [&](const auto& rule) {
      return rule.access == model::Access::allow &&
             std::ranges::count(rule.destination.prefixes, prefix(address)) > 0;
    });
  }
  void pass_both() {
    (void)pass();
    (void)group_pass();
    (void)pass();
  }
};

TEST_CASE_METHOD(MovedTwin, "an address that a machine got since it was granted is looked at, too",
                 "[ambiguity]") {
  for (int i = 0; i < 3; ++i) {
    pass_both();
    clock.advance(40s);
  }
  CHECK_FALSE(opens_to("10.0.0.9"));
  CHECK(state() == "Opening");
  CHECK(why()["reason"] == "AmbiguousAddress");
  CHECK(message().find("is also that of interface \"web/nic-9\" of machine \"db-1\"") !=
        std::string::npos);

  world.inventories["prod"].addresses.pop_back();  // somebody mends it
  pass_both();
  CHECK(opens_to("10.0.0.9"));
  CHECK(state() == "Active");
}

TEST_CASE_METHOD(MovedTwin, "so is one that it gets while it is open", "[ambiguity]") {
  move_to("10.0.0.4");
  pass_both();
  REQUIRE(opens_to("10.0.0.4"));
  clock.advance(2min);
  move_to("10.0.0.9");
  for (int i = 0; i < 3; ++i) pass_both();
  CHECK_FALSE(opens_to("10.0.0.4"));
  CHECK_FALSE(opens_to("10.0.0.9"));
}

}  // namespace
}  // namespace portcullis::controllers
