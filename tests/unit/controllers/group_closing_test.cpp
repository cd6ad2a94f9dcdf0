#include "plan/rule_shape.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// What closes, and what is kept, when too little is known to remove what nobody wants.
struct Closing : RequestScene {
  static constexpr const char* grant_key = "accessverdicts/request";

  bool reaches(const char* address) const {
    return std::ranges::any_of(cloud.groups.at(key).rules, [&](const auto& rule) {
      return rule.name.find("-open-") != std::string::npos && plan::lets_in(rule) &&
             model::PrefixSet::of(rule.destination.prefixes).contains(prefix(address));
    });
  }

  void move_machine_to(const char* address) {
    auto& machine = cloud.machines.at(model::resource_key(vm));
    machine.paths.front().address = prefix(address);
    world.machines.at(model::resource_key(vm)).machine = machine;
  }

  void report_orphans() {
    api.edit("cloudaccounts/prod", {{"spec", {{"orphans", "Report"}}}});
    api.deliver(world);
  }

  static bool removes_open(const std::string& write) {
    return write.starts_with("remove ") && write.find("-open-") != std::string::npos;
  }
};

TEST_CASE_METHOD(Closing, "an address that a machine lost closes at once, whatever is unknown",
                 "[controllers]") {
  open();
  SECTION("orphans are only reported") { report_orphans(); }
  SECTION("not everything is known") { world.account_views["prod"].listed = false; }
  move_machine_to("10.0.0.5");
  REQUIRE(group_pass());
  CHECK_FALSE(reaches("10.0.0.4"));
  world.account_views["prod"].listed = true;
  REQUIRE(group_pass());
  CHECK(reaches("10.0.0.5"));
  CHECK_FALSE(reaches("10.0.0.4"));
}

TEST_CASE_METHOD(Closing, "a revoked grant closes at the address that its machine had, too",
                 "[controllers]") {
  open();
  report_orphans();
  move_machine_to("10.0.0.5");
  // Both are there when it ends: the group was not looked at since the address changed.
  api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
  REQUIRE(pass());
  CHECK(state() == "Closing");
  REQUIRE(group_pass());
  CHECK_FALSE(reaches("10.0.0.4"));
  REQUIRE(pass());
  CHECK(state() == "Revoked");
}

struct Scheduled : Closing {
  Scheduled() {
    api.edit("accessrequests/ssh", {{"spec", {{"startAt", format_rfc3339(clock.now() + 1min)}}}});
    api.edit("jitpolicies/prod-ssh", {{"spec", {{"maxAhead", "1h"}}}});
    world.policy_views["team-a/prod-ssh"].generation = 2;
    REQUIRE(pass());
    REQUIRE(pass());
    REQUIRE(state() == "Scheduled");
    clock.advance(1min);
    REQUIRE(pass());
    REQUIRE(group_pass());
    REQUIRE(pass());
    REQUIRE(state() == "Active");
  }
};

TEST_CASE_METHOD(Scheduled, "a plan that did not know of the end is no proof of closing",
                 "[controllers]") {
  restart();
  api.allows = false;
  // The authorizer says no; until the caches show the recorded end, the grant waits for clearance,
  // and the group's plan leaves its rule alone.
  REQUIRE(pass_unseen());
  REQUIRE(verdict_object()["spec"].contains("ended"));
  REQUIRE(group_pass());
  REQUIRE(is_open());
  REQUIRE_FALSE(world.groups[key].dirty);

  REQUIRE(pass());
  CHECK(state() == "Closing");
  CHECK(world.groups[key].dirty);  // woken: it is not left standing until the next minute
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  CHECK(state() == "Revoked");
}

/// A second machine with a grant of the same source, port and window.
struct Twins : Closing {
  const std::string other_vm = vm + "-b";

  Twins() {
    auto machine = cloud.machines.at(model::resource_key(vm));
    machine.id = other_vm;
    machine.vm_id = "vm-b";
    machine.paths.front().address = prefix("10.0.0.5");
    cloud.machines[model::resource_key(other_vm)] = machine;
    json mine = held(verdict());
    mine["spec"]["startAt"] = format_rfc3339(clock.now());
    json theirs = mine;
    theirs["metadata"]["name"] = "b";
    theirs["metadata"]["uid"] = "b";
    theirs["spec"]["requestRef"] = {{"name", "b"}, {"uid", "b"}};
    theirs["spec"]["targets"] = {{{"resourceID", other_vm}, {"vmID", "vm-b"}}};
    json request_b = held(request());
    request_b["metadata"]["name"] = "b";
    request_b["metadata"]["uid"] = "b";
    api.edit("jitpolicies/prod-ssh",
             {{"spec",
               {{"targets",
                 {{{"virtualMachine", {{"resourceGroup", "web"}, {"name", "web-1"}}}},
                  {{"virtualMachine", {{"resourceGroup", "web"}, {"name", "web-1-b"}}}}}}}}});
    api.objects[grant_key] = mine;
    api.objects["accessverdicts/b"] = theirs;
    api.objects["accessrequests/b"] = request_b;
    api.deliver(world);
    read_machines();
    world.cleared = {"verdict", "b"};
    REQUIRE(group_pass());
    REQUIRE(reaches("10.0.0.4"));
    REQUIRE(reaches("10.0.0.5"));
  }

  void read_machines() {
    for (const auto& [id, machine] : cloud.machines) {
      world.machines[id] = {.machine = machine, .read_at = clock.now()};
    }
  }
};

TEST_CASE_METHOD(Twins, "a grant that waits for clearance is not closed in another's stead",
                 "[controllers]") {
  api.edit(
      grant_key,
      {{"spec",
        {{"ended", {{"at", format_rfc3339(clock.now())}, {"reason", "Revoked"}, {"by", me}}}}}});
  restart();
  cloud.writes.clear();
  REQUIRE(group_pass());
  CHECK(std::ranges::none_of(cloud.writes, removes_open));
  SECTION("its machine has been read") {
    read_machines();
    REQUIRE(group_pass());
    CHECK(reaches("10.0.0.5"));
    CHECK_FALSE(reaches("10.0.0.4"));
  }
  read_machines();
  world.cleared = {"b"};
  REQUIRE(group_pass());
  CHECK(reaches("10.0.0.5"));
  CHECK_FALSE(reaches("10.0.0.4"));
  CHECK(std::ranges::count_if(cloud.writes, removes_open) == 1);
}

TEST_CASE_METHOD(Twins, "an address that one machine lost does not close another's grant",
                 "[controllers]") {
  world.machines.erase(model::resource_key(other_vm));
  move_machine_to("10.0.0.6");
  REQUIRE(group_pass());
  CHECK(reaches("10.0.0.5"));  // it may be where the unread machine is
  read_machines();
  REQUIRE(group_pass());
  CHECK(reaches("10.0.0.5"));
  CHECK(reaches("10.0.0.6"));
  CHECK_FALSE(reaches("10.0.0.4"));
}

TEST_CASE_METHOD(Closing, "who loses the lease between the two writes of a closing stops there",
                 "[controllers]") {
  open();
  bool leads = true;
  GroupReconciler other(world, client, [&leads] { return leads; });
  const Error locked{.kind = Error::Kind::locked, .message = "ScopeLocked"};
  cloud.on_call = [&](const std::string& call) {
    if (!removes_open(call)) return;
    cloud.fail_once[call] = locked;
    leads = false;
  };
  SECTION("of a grant that was given back: its successor may have opened the rule anew") {
    api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
    REQUIRE(pass());
    cloud.writes.clear();
    CHECK_FALSE(test::run(io, clock, other.reconcile(key)));
    REQUIRE(cloud.writes.size() == 1);
    CHECK(removes_open(cloud.writes.front()));
    CHECK(reaches("10.0.0.4"));
  }
  SECTION("not where the rule is past its own end: nobody wants that back") {
    clock.advance(10min);
    REQUIRE(pass());
    leads = false;
    test::run(io, clock, other.reconcile(key));
    CHECK_FALSE(reaches("10.0.0.4"));
  }
}

}  // namespace
}  // namespace portcullis::controllers
