#include "controllers/target_judge.hpp"
#include "controllers/wiring.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// Beside the scene's policy an older one for the same machine and port; the scene's has an
/// exception.
struct TwoPolicies : RequestScene {
  static constexpr const char* older = "jitpolicies/strict";
  static constexpr const char* younger = "jitpolicies/prod-ssh";

  json strict() const {
    json object = held(policy());
    object["metadata"]["name"] = "strict";
    object["metadata"]["uid"] = "strict";
    object["metadata"]["creationTimestamp"] = format_rfc3339(clock.now() - 2h);
    return object;
  }
  json unreadable() const {
    json object = strict();
    object["spec"]["enforcement"] = "Later";
    return object;
  }
  void except(const std::string& sources = "198.51.100.0/28") {
    json port = {{"port", 22}, {"protocol", "TCP"}, {"maxDuration", "1h"}};
    port["exceptions"] = {{{"sources", {sources}}, {"reason", "bastion"}}};
    api.edit(younger, {{"spec", {{"ports", {port}}}}});
    REQUIRE(policy_pass());
  }
  bool has_keep() const { return std::ranges::count(kinds(), "keep") != 0; }

  /// The younger one gets a machine more that stands behind the group, and one that the account
  /// does not give it: never all of its machines are read.
  void have_more_machines() {
    model::VirtualMachine machine = cloud.machines.at(model::resource_key(vm));
    machine.id = sub + "web/providers/Microsoft.Compute/virtualMachines/web-2";
    machine.vm_id = "vm-2";
    machine.name = "web-2";
    machine.paths[0].address = prefix("10.0.0.6");
    cloud.machines[model::resource_key(machine.id)] = machine;
    json targets = policy()["spec"]["targets"];
    targets.push_back({{"virtualMachine", {{"resourceGroup", "web"}, {"name", "web-2"}}}});
    targets.push_back({{"virtualMachine", {{"resourceGroup", "elsewhere"}, {"name", "web-3"}}}});
    api.edit(younger, {{"spec", {{"targets", targets}}}});
    REQUIRE(policy_pass());
    REQUIRE_FALSE(world.policy_views.at("team-a/prod-ssh").complete);
  }

  using Prefixes = std::vector<std::string>;
  /// One end of the exception, if there is one.
  Prefixes end_of_keep(model::Endpoint model::SecurityRule::* end) const {
    Prefixes out;
    if (!has_keep()) return out;
    const auto whole = model::PrefixSet::of((cloud.groups.at(key).rules.front().*end).prefixes);
    for (const auto& one : whole.cover()) out.push_back(to_string(one));
    return out;
  }
  Prefixes excepted() const { return end_of_keep(&model::SecurityRule::source); }
  Prefixes reached() const { return end_of_keep(&model::SecurityRule::destination); }
};

TEST_CASE_METHOD(TwoPolicies, "beside a policy that cannot be read no exception is made",
                 "[controllers]") {
  SECTION("of which nothing is known but that it is there") { api.objects[older] = unreadable(); }
  SECTION("which was read before") {
    api.objects[older] = strict();
    api.deliver(world);
    api.objects[older] = unreadable();
  }
  except();
  REQUIRE(group_pass());
  CHECK_FALSE(has_keep());
  api.objects.erase(older);
  api.deliver(world);
  REQUIRE(group_pass());
  CHECK(has_keep());
  // One that stands is not taken away: that would cut off a bastion.
  api.objects[older] = unreadable();
  api.deliver(world);
  REQUIRE(group_pass());
  CHECK(has_keep());
}

TEST_CASE_METHOD(TwoPolicies, "one that no account gives any of the machines holds up nobody",
                 "[controllers]") {
  json elsewhere = unreadable();
  elsewhere["metadata"]["namespace"] = "team-b";
  api.objects["jitpolicies/elsewhere"] = elsewhere;
  bool holds_up = false;
  SECTION("its namespace may have nothing") {}
  SECTION("it may have machines of another resource group, or of another subscription") {
    json other = held(account());
    other["metadata"]["name"] = other["metadata"]["uid"] = "other";
    other["spec"]["azure"]["subscriptionID"] = "22222222-2222-4222-8222-222222222222";
    other["spec"]["access"] = {{{"namespaces", {"team-b"}}, {"resourceGroups", {"web"}}}};
    api.objects["cloudaccounts/other"] = other;
    json access = account()["spec"]["access"];
    access.push_back({{"namespaces", {"team-b"}}, {"resourceGroups", {"db"}}});
    api.edit("cloudaccounts/prod", {{"spec", {{"access", access}}}});
  }
  SECTION("it may have machines there") {
    json access = account()["spec"]["access"];
    access.push_back({{"namespaces", {"*"}}, {"resourceGroups", {"*"}}});
    api.edit("cloudaccounts/prod", {{"spec", {{"access", access}}}});
    holds_up = true;
  }
  SECTION("another account of the subscription gives it some") {
    json other = held(account());
    other["metadata"]["name"] = other["metadata"]["uid"] = "other";
    other["spec"]["access"] = {{{"namespaces", {"team-b"}}, {"resourceGroups", {"WEB"}}}};
    api.objects["cloudaccounts/other"] = other;
    holds_up = true;
  }
  SECTION("what an account gives cannot be read") {
    json other = held(account());
    other["metadata"]["name"] = other["metadata"]["uid"] = "other";
    other["spec"]["provider"] = "Later";
    api.objects["cloudaccounts/other"] = other;
    holds_up = true;
  }
  REQUIRE(pass());
  CHECK(is_decided() != holds_up);
  (void)pass();
  (void)group_pass();
  CHECK(is_open() != holds_up);
  if (!holds_up) return;
  // Whoever waited is looked at when it can be read.
  drain(world.request_queue);
  wire(world);
  api.objects["jitpolicies/elsewhere"]["spec"]["enforcement"] = "Audit";
  api.objects.erase("cloudaccounts/other");
  api.deliver(world);
  CHECK(world.request_queue.ready() > 0);
  REQUIRE(pass());
  CHECK(is_decided());
}

TEST_CASE_METHOD(TwoPolicies, "beside a policy that cannot be read an exception may be narrowed",
                 "[controllers]") {
  except();
  REQUIRE(group_pass());
  REQUIRE(excepted() == Prefixes{"198.51.100.0/28"});
  api.objects[older] = unreadable();
  except("198.51.100.0/29");
  cloud.writes.clear();
  REQUIRE(group_pass());
  CHECK(excepted() == Prefixes{"198.51.100.0/29"});
  CHECK(std::ranges::count(kinds(), "keep") == 1);
  // Whoever stays an exception is not cut off between.
  REQUIRE(cloud.writes.size() == 2);
  CHECK(cloud.writes[0].starts_with("put "));
  CHECK(cloud.writes[1].starts_with("remove "));
  SECTION("but not widened again") {
    except("198.51.100.0/28");
    REQUIRE(group_pass());
    CHECK(excepted() == Prefixes{"198.51.100.0/29"});
  }
  SECTION("nor moved") {
    except("198.51.100.8/29");
    REQUIRE(group_pass());
    CHECK_FALSE(has_keep());
  }
}

TEST_CASE_METHOD(TwoPolicies, "what the cloud throttles between is narrowed in the next pass",
                 "[controllers]") {
  except();
  REQUIRE(group_pass());
  api.objects[older] = unreadable();
  except("198.51.100.0/29");
  const bool first = GENERATE(true, false);
  cloud.on_call = [&](const std::string& call) {
    if (call.starts_with(first ? "put " : "remove ")) {
      cloud.fail_once[call] = {
          .kind = Error::Kind::throttled, .message = "429", .retry_after = Duration(20s)};
    }
  };
  CHECK_FALSE(group_pass());
  CHECK(has_keep());
  cloud.on_call = nullptr;
  REQUIRE(group_pass());
  CHECK(excepted() == Prefixes{"198.51.100.0/29"});
  CHECK(std::ranges::count(kinds(), "keep") == 1);
}

TEST_CASE_METHOD(TwoPolicies, "what an older policy claims is no younger one's exception any more",
                 "[controllers]") {
  except();
  have_more_machines();
  REQUIRE(group_pass());
  const Prefixes both{"10.0.0.4/32", "10.0.0.6/32"};
  const Prefixes other{"10.0.0.6/32"};
  REQUIRE(reached() == both);
  json claim = strict();
  bool claims = true;
  SECTION("though not all of its machines are read") {}
  SECTION("though the younger one has the machine no more") {
    json targets = api.objects[younger]["spec"]["targets"];
    targets.erase(0);
    api.edit(younger, {{"spec", {{"targets", targets}}}});
    REQUIRE(policy_pass());
    REQUIRE(group_pass());
    REQUIRE(reached() == both);
  }
  SECTION("after a start") {
    restart();
    REQUIRE(policy_pass());
    world.account_views["prod"].listed = true;
  }
  SECTION("unless it is about another port") {
    claims = false;
    claim["spec"]["ports"][0]["port"] = 3389;
  }
  SECTION("unless it only looks") {
    claims = false;
    claim["spec"]["enforcement"] = "Audit";
  }
  SECTION("unless it is being deleted") {
    claims = false;
    claim["metadata"]["deletionTimestamp"] = format_rfc3339(clock.now());
  }
  SECTION("unless it is younger") {
    claims = false;
    claim["metadata"]["creationTimestamp"] = format_rfc3339(clock.now());
  }
  SECTION("unless its account gives it nothing") {
    claims = false;
    claim["metadata"]["namespace"] = "team-b";
  }
  SECTION("unless nobody knows whether the machine has that address yet") {
    claims = false;
    SECTION("since it cannot be read") { world.machines[model::resource_key(vm)].error = Error{}; }
    SECTION("since it was not read lately") {
      world.machines[model::resource_key(vm)].read_at -= reading_opens_for;
    }
  }
  api.objects[older] = claim;
  api.deliver(world);
  REQUIRE(group_pass());
  CHECK(reached() == (claims ? other : both));
  if (!claims) return;
  REQUIRE(group_pass());
  CHECK(world.groups.at(key).plan.in_sync());

  const auto policy = world.stores.policies.find("team-a/strict");
  plan::TargetState target;
  target.machine = cloud.machines.at(model::resource_key(vm));
  judge_target(world, *world.stores.accounts.find("prod"), *policy, target);
  CHECK(target.state == plan::TargetState::State::locked);
}

TEST_CASE_METHOD(TwoPolicies, "beside a policy that cannot be read nothing is granted",
                 "[controllers]") {
  SECTION("when it is decided") { api.objects[older] = unreadable(); }
  SECTION("while the authorizer is asked") {
    api.while_reviewed = [this] {
      api.objects[older] = unreadable();
      api.deliver(world);
    };
    CHECK_FALSE(pass());
  }
  REQUIRE(pass());
  CHECK_FALSE(is_decided());
  CHECK(state() == "Pending");
  CHECK(condition("Ready")["reason"] == "PolicyNotReady");
  CHECK(message().find("JitPolicy \"team-a/strict\" can be read") != std::string::npos);
  check_nothing_opens();

  api.while_reviewed = nullptr;
  api.objects[older] = strict();
  REQUIRE(policy_pass());
  REQUIRE(pass());
  CHECK_FALSE(is_decided());
  CHECK(message().find("\"team-a/strict\" is older") != std::string::npos);
  api.objects.erase(older);
  REQUIRE(policy_pass());
  open();
}

TEST_CASE_METHOD(TwoPolicies, "what an older policy claims is not opened by a younger one",
                 "[controllers]") {
  REQUIRE(pass());
  REQUIRE(is_decided());
  json older_one = strict();
  SECTION("with the same port") {}
  SECTION("unless it is about another port") { older_one["spec"]["ports"][0]["port"] = 3389; }
  SECTION("unless its account gives it nothing") { older_one["metadata"]["namespace"] = "team-b"; }
  const bool claims =
      older_one["spec"]["ports"][0]["port"] == 22 && older_one["metadata"]["namespace"] == "team-a";
  api.objects[older] = older_one;
  api.deliver(world);
  world.coming.settle("request");             // as the event of its verdict does
  CHECK(group_pass().has_value() != claims);  // nobody has looked at the policies yet
  CHECK(is_open() != claims);
  REQUIRE(pass());
  CHECK(verdict_object()["spec"].contains("ended") == claims);
  if (claims) check_nothing_opens();
}

TEST_CASE_METHOD(TwoPolicies,
                 "what is open under a younger policy ends when an older one claims it",
                 "[controllers]") {
  open();
  api.objects[older] = strict();
  REQUIRE(pass());
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  CHECK(state() == "Revoked");
  CHECK(condition("Ready")["reason"] == "Conflict");
  CHECK(message().find("JitPolicy \"team-a/strict\" is older") != std::string::npos);
}

}  // namespace
}  // namespace portcullis::controllers
