#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

std::string machine_id(int number) {
  return sub + "web/providers/Microsoft.Compute/virtualMachines/many-" + std::to_string(number);
}

struct Many : RequestScene {
  std::vector<std::string> ids;

  Many() {
    for (int i = 0; i < 32; ++i) {
      ids.push_back(machine_id(i));
      model::VirtualMachine machine = cloud.machines[model::resource_key(vm)];
      machine.id = ids.back();
      machine.name = "many-" + std::to_string(i);
      cloud.machines[model::resource_key(machine.id)] = machine;
    }
    cloud.calls.clear();
  }
  std::vector<Result<Done>> read() {
    return test::run(io, clock, world.refresh_machines("prod", ids, 1min));
  }
};

TEST_CASE_METHOD(Many, "a cloud that does not answer is not asked for each machine",
                 "[controllers]") {
  cloud.fail_always["read_machine"] = {.kind = Error::Kind::timeout, .message = "15 s"};
  for (const auto& result : read()) CHECK_FALSE(result);
  CHECK(cloud.calls.size() <= 4);
  // What failed a moment ago is not asked for again; after that it is.
  cloud.calls.clear();
  cloud.fail_always["read_machine"].kind = Error::Kind::forbidden;
  CHECK_FALSE(test::run(io, clock, world.refresh_machine("prod", ids.front(), 1min)));
  CHECK(cloud.calls.empty());
  clock.advance(failure_counts_for);
  cloud.fail_always.clear();
  for (const auto& result : read()) CHECK(result);
  CHECK(cloud.calls.size() == ids.size());
}

TEST_CASE_METHOD(Many, "what one machine refuses holds up no other", "[controllers]") {
  cloud.fail_once["read_machine"] = {.kind = Error::Kind::forbidden, .message = "403"};
  const auto results = read();
  CHECK(std::ranges::count_if(results, [](const auto& one) { return !one; }) == 1);
  CHECK(cloud.calls.size() == ids.size());
}

TEST_CASE_METHOD(RequestScene, "a reading that was overtaken by a later one tells nothing",
                 "[controllers]") {
  clock.advance(2min);
  MachineView& view = world.machines[model::resource_key(vm)];
  const auto truth = [&](const char* address) {
    model::VirtualMachine machine = cloud.machines[model::resource_key(vm)];
    machine.paths[0].address = prefix(address);
    return machine;
  };
  cloud.on_call = [&](const std::string& call) {
    if (call != "read_machine") return;
    clock.advance(20s);  // meanwhile somebody else asks, and is answered at once
    view.machine = truth("10.0.0.9");
    view.read_at = clock.now() - 10s;
  };
  SECTION("by what it says") {
    REQUIRE(test::run(io, clock, world.refresh_machine("prod", vm, 1min)));
  }
  SECTION("nor by failing") {
    cloud.fail_always["read_machine"] = {.kind = Error::Kind::not_found, .message = "404"};
    CHECK_FALSE(test::run(io, clock, world.refresh_machine("prod", vm, 1min)));
    CHECK_FALSE(view.missing_since);
    CHECK_FALSE(view.error);
  }
  CHECK(view.machine->paths[0].address == prefix("10.0.0.9"));
}

TEST_CASE_METHOD(RequestScene, "a reading is as old as its question", "[controllers]") {
  clock.advance(2min);
  const TimePoint asked = clock.now();
  cloud.on_call = [&](const std::string& call) {
    if (call == "read_machine") clock.advance(20s);
  };
  REQUIRE(test::run(io, clock, world.refresh_machine("prod", vm, 1min)));
  CHECK((world.machines[model::resource_key(vm)].read_at == asked));
}

TEST_CASE_METHOD(Many, "machines that nobody needs are forgotten", "[controllers]") {
  for (const auto& result : read()) REQUIRE(result);
  world.forget_machines();  // who read them may name them in a moment
  CHECK(world.machines.size() == ids.size() + 1);
  clock.advance(unneeded_for + 1s);
  world.forget_machines();
  CHECK(world.machines.size() == 1);
  CHECK(world.machines.contains(model::resource_key(vm)));
}

TEST_CASE_METHOD(Many, "a machine that is lost while the next one is read is read again",
                 "[controllers]") {
  json named = api.objects["jitpolicies/prod-ssh"];
  for (const char* name : {"many-0", "many-1"}) {
    named["spec"]["targets"].push_back(
        {{"virtualMachine", {{"resourceGroup", "web"}, {"name", name}}}});
  }
  api.objects["jitpolicies/prod-ssh"] = named;
  int reads = 0;
  cloud.on_call = [&](const std::string& call) {
    if (call == "read_machine" && ++reads == 2) world.machines.erase(model::resource_key(ids[0]));
  };
  CHECK_FALSE(policy_pass());
  CHECK(reads == 2);
  cloud.on_call = nullptr;
  CHECK(policy_pass());
  CHECK(world.policy_views.at("team-a/prod-ssh").targets.size() == 3);
  CHECK(world.policy_views.at("team-a/prod-ssh").complete);
}

TEST_CASE_METHOD(RequestScene, "what ends marks its groups before any machine is read",
                 "[controllers]") {
  open();
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", true}}}});
  world.machines[model::resource_key(vm)].machine.reset();  // its ways are to be read anew
  bool marked = false;
  cloud.on_call = [&](const std::string& call) {
    if (call == "read_machine") marked = world.groups[key].dirty;
  };
  REQUIRE(pass());
  CHECK(marked);
}

TEST_CASE_METHOD(RequestScene, "an early end is on record before a slow cloud has answered",
                 "[controllers]") {
  open();
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", true}}}});
  world.machines[model::resource_key(vm)].machine.reset();
  cloud.clock = &clock;
  cloud.read_machine_takes = 15s;
  std::optional<TimePoint> recorded;
  server.serve = [&](const net::Request& asked) {
    auto answer = api.serve(asked);
    if (!recorded && verdict_object()["spec"].contains("ended")) recorded = clock.now();
    return answer;
  };
  const TimePoint ended = clock.now();
  SECTION("the request is there") {}
  SECTION("the request is gone") { api.remove("accessrequests/ssh"); }
  REQUIRE(pass());
  REQUIRE(recorded);
  CHECK(*recorded == ended);
  CHECK(clock.now() >= ended + 15s);
}

TEST_CASE_METHOD(RequestScene, "Failed says what this process can know", "[controllers]") {
  REQUIRE(pass());
  REQUIRE(pass());
  std::string words = "a rule may have stood";
  SECTION("nothing was ever written") {
    cloud.fail_always["read_group"] = {.kind = Error::Kind::unavailable, .message = "500"};
    words = "no rule was ever written for it";
    CHECK_FALSE(group_pass());
  }
  SECTION("a write was refused, as the answer says") {
    fail_puts({.kind = Error::Kind::locked, .message = "ScopeLocked"});
    group_pass();
  }
  SECTION("this process has not seen it all") {
    clock.advance(1min);
    restart();
  }
  clock.advance(10min);
  cloud.fail_always.clear();
  cloud.on_call = nullptr;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(group_pass());
    REQUIRE(pass());
  }
  CHECK(state() == "Failed");
  CHECK(message().find(words) != std::string::npos);
}

TEST_CASE_METHOD(RequestScene, "an old reading accuses nobody", "[controllers]") {
  clock.advance(151s);
  REQUIRE(policy_pass());
  const auto& target = world.policy_views["team-a/prod-ssh"].targets.at(0);
  CHECK(target.state == plan::TargetState::State::locking);
  CHECK(target.message.find("was last read at") != std::string::npos);
  REQUIRE(group_pass());
  REQUIRE(policy_pass());
  CHECK(world.policy_views["team-a/prod-ssh"].targets.at(0).state ==
        plan::TargetState::State::locked);
}

TEST_CASE_METHOD(RequestScene, "a group of others that cannot be read keeps no policy from going",
                 "[controllers]") {
  const std::string foreign =
      sub + "net/providers/Microsoft.Network/networkSecurityGroups/nsg-other";
  auto& view = world.groups[model::resource_key(foreign)];
  view.id = foreign;
  view.passed = true;
  view.error = Error{.kind = Error::Kind::forbidden, .message = "403"};
  bool goes = true;
  SECTION("if it never had a rule of ours") {}
  SECTION("unless rules of ours were listed in it") {
    view.listed_with_ours = true;
    goes = false;
  }
  SECTION("unless it stands before one of its machines") {
    auto& machine = cloud.machines[model::resource_key(vm)];
    machine.paths[0].subnet_group = foreign;
    world.machines[model::resource_key(vm)].machine = machine;
    goes = false;
  }
  api.remove("jitpolicies/prod-ssh");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(policy_pass());
    REQUIRE(group_pass());
  }
  CHECK(api.objects.contains("jitpolicies/prod-ssh") != goes);
}

}  // namespace
}  // namespace portcullis::controllers
