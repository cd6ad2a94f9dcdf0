#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// What is asked for and what is allowed stand against each other in one sentence.
struct Refusal {
  std::string reason;
  std::string asked;
  std::string allowed;
  std::string object;  ///< which is edited
  json edit;
};

const std::vector<Refusal>& refusals() {
  static const std::string request = "accessrequests/ssh";
  static const std::string policy = "jitpolicies/prod-ssh";
  static const std::vector<Refusal> all = {
      {"PortNotInPolicy", "3389/TCP", "22/TCP", request, {{"ports", {{{"port", 3389}}}}}},
      {"SourceTooBroad", "203.0.113.0/24", "/32", request, {{"sources", {"203.0.113.0/24"}}}},
      {"DurationTooLong", "2h", "1h", request, {{"duration", "2h"}}},
      {"TargetNotInPolicy", "\"web-9\"", "web/web-1", request, {{"targets", {"web-9"}}}},
      {"NoAddress", "2001:db8::7/128", "IPv6", request, {{"sources", {"2001:db8::7"}}}},
      {"ServiceAccountRefused",
       "system:serviceaccount:team-a:bot",
       "spec.serviceAccounts: Refuse",
       request,
       {{"requester", {{"username", "system:serviceaccount:team-a:bot"}}}}},
      {"SourceNotAllowed",
       "203.0.113.7/32",
       "198.51.100.0/24",
       policy,
       {{"ports",
         {{{"port", 22}, {"maxDuration", "1h"}, {"allowedSources", {"198.51.100.0/24"}}}}}}},
      {"ReasonNotAccepted", "\"\"", "^INC-", policy, {{"reason", {{"pattern", "^INC-"}}}}},
      {"NamespaceNotAllowed",
       "\"team-a\"",
       "CloudAccount \"prod\"",
       "cloudaccounts/prod",
       {{"access", {{{"namespaces", {"team-b"}}, {"resourceGroups", {"web"}}}}}}},
      {"Frozen", "prod", "frozen", "cloudaccounts/prod", {{"freeze", true}}},
      {"Suspended", "prod-ssh", "suspended", policy, {{"suspend", true}}},
  };
  return all;
}

TEST_CASE("a refusal names what was asked and what is allowed, and opens nothing",
          "[controllers]") {
  for (const Refusal& refusal : refusals()) {
    DYNAMIC_SECTION(refusal.reason) {
      RequestScene scene;
      scene.api.edit(refusal.object, {{"spec", refusal.edit}});
      REQUIRE(scene.pass());
      REQUIRE(scene.pass());
      INFO(scene.message());
      CHECK(scene.state() == "Denied");
      CHECK(scene.condition("Ready")["reason"] == refusal.reason);
      CHECK(scene.condition("Approved")["status"] == "False");
      CHECK(scene.condition("Complete")["status"] == "True");
      CHECK(scene.message().find(refusal.asked) != std::string::npos);
      CHECK(scene.message().find(refusal.allowed) != std::string::npos);
      CHECK(scene.verdict_object()["spec"]["outcome"] == "Refused");
      CHECK_FALSE(scene.verdict_object()["spec"].contains("targets"));
      scene.check_nothing_opens();
    }
  }
}

TEST_CASE_METHOD(RequestScene, "what others have to mend is waited for, and said",
                 "[controllers]") {
  std::string missing;
  const auto mended = api.objects;
  SECTION("the policy is not there") {
    missing = "JitPolicy \"prod-ssh\", which does not exist in namespace \"team-a\"";
    api.objects.erase("jitpolicies/prod-ssh");
  }
  SECTION("the account is not there") {
    missing = "CloudAccount \"prod\", which does not exist";
    api.objects.erase("cloudaccounts/prod");
  }
  SECTION("the policy is there, and not understood") {
    missing = "JitPolicy \"prod-ssh\", which is there and cannot be understood: ";
    api.objects["jitpolicies/prod-ssh"]["spec"]["enforcement"] = "Later";
  }
  SECTION("the account is there, and not understood") {
    missing = "CloudAccount \"prod\", which is there and cannot be understood: ";
    api.objects["cloudaccounts/prod"]["spec"]["provider"] = "Later";
    policy_pass();
    const json said = api.objects["jitpolicies/prod-ssh"]["status"]["conditions"];
    CHECK(said.dump().find("is there and cannot be understood: ") != std::string::npos);
  }
  SECTION("the machine is not there") {
    missing = "\"web-1\" is locked: Unresolved, machine \"web/web-1\" does not exist";
    world.machines.clear();
    const auto machines = std::exchange(cloud.machines, {});
    policy_pass();
    cloud.machines = machines;
  }
  SECTION("no group stands before its interface") {
    missing = "\"web-1\" is locked: Unprotected, no NSG stands before 10.0.0.4";
    auto& paths = cloud.machines[model::resource_key(vm)].paths;
    const auto group = std::exchange(paths[0].interface_group, std::nullopt);
    world.machines.clear();
    policy_pass();
    paths[0].interface_group = group;
  }
  SECTION("nobody has looked at the policy as it is now") {
    missing = "policy \"prod-ssh\" to be Ready";
    world.policy_views["team-a/prod-ssh"].generation = 0;
  }
  REQUIRE(pass());
  INFO(message());
  CHECK(state() == "Pending");
  CHECK(message().find(missing) != std::string::npos);
  CHECK(condition("Settled")["status"] == "False");
  CHECK_FALSE(is_decided());
  check_nothing_opens();
  const auto status = asked()["status"];
  REQUIRE(pass());
  CHECK(asked()["status"] == status);

  for (const auto& [name, object] : mended) {
    if (name != "accessrequests/ssh") api.objects[name] = object;
  }
  clock.advance(1min);  // what was read counts no longer
  REQUIRE(policy_pass());
  REQUIRE(group_pass());
  REQUIRE(policy_pass());
  REQUIRE(pass());
  REQUIRE(is_decided());
  CHECK(verdict_object()["spec"]["outcome"] == "Granted");
}

TEST_CASE_METHOD(RequestScene, "what nobody decides in time is refused for good", "[controllers]") {
  SECTION("approvals are demanded, and this version counts none") {
    api.edit("jitpolicies/prod-ssh",
             {{"spec", {{"approval", {{"required", 2}, {"contact", "#sre"}, {"timeout", "1h"}}}}}});
    REQUIRE(policy_pass());
    REQUIRE(pass());
    CHECK(state() == "Pending");
    CHECK(condition("Ready")["reason"] == "ApprovalRequired");
    CHECK(message().find("waits for 2 approval(s) from #sre") != std::string::npos);
    say("Approve", "bob");
    say("Approve", "eve");
  }
  SECTION("its policy never comes") { api.objects.erase("jitpolicies/prod-ssh"); }
  clock.advance(1h);
  REQUIRE(pass());
  CHECK(state() == "Pending");
  CHECK_FALSE(is_decided());
  clock.advance(1s);
  REQUIRE(pass());
  api.objects.emplace("jitpolicies/prod-ssh", held(policy()));
  REQUIRE(pass());
  CHECK(state() == "TimedOut");
  check_nothing_opens();
}

/// Somebody's rule lets everybody past the lock.
struct Bypassed : RequestScene {
  Bypassed() {
    model::SecurityRule rule = cloud.groups[key].rules.back();
    rule.name = "above";
    rule.priority = 100;
    cloud.groups[key].rules.insert(cloud.groups[key].rules.begin(), rule);
    look();
  }

  void look() {
    know_addresses();
    REQUIRE(group_pass());
    REQUIRE(policy_pass());
    REQUIRE(pass());
  }

  void mend() {
    std::erase_if(cloud.groups[key].rules, [](const auto& rule) { return rule.name == "above"; });
    look();
    REQUIRE(pass());
  }
};

TEST_CASE_METHOD(Bypassed, "a policy that is not ready has an hour, and whoever waited is served",
                 "[controllers]") {
  REQUIRE(state() == "Pending");
  REQUIRE(condition("Ready")["reason"] == "PolicyNotReady");
  clock.advance(20min);
  look();
  CHECK(state() == "Pending");
  CHECK(message().find("Bypassed") != std::string::npos);
  SECTION("within it: granted") {
    mend();
    CHECK(verdict_object()["spec"]["outcome"] == "Granted");
  }
  SECTION("after it: nobody decided in time") {
    clock.advance(40min + 1s);
    look();
    REQUIRE(pass());
    CHECK(state() == "TimedOut");
    CHECK(message().find("nobody decided until " + format_rfc3339(clock.now() - 1s)) !=
          std::string::npos);
  }
  SECTION("who did not see it wait grants nothing that late") {
    restart();
    REQUIRE(pass());
    CHECK(state() == "Pending");
    mend();
    CHECK(state() == "TimedOut");
    check_nothing_opens();
  }
}

TEST_CASE_METHOD(RequestScene, "a request that waited for something else has a quarter of an hour",
                 "[controllers]") {
  may_decide = false;
  REQUIRE(pass());
  clock.advance(15min + 1s);
  may_decide = true;
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK(state() == "TimedOut");
}

TEST_CASE_METHOD(RequestScene, "somebody else's no refuses it", "[controllers]") {
  SECTION("said under its policy") {
    say("Deny", "bob");
    REQUIRE(pass());
    REQUIRE(pass());
    CHECK(state() == "Denied");
    CHECK(condition("Ready")["reason"] == "DeniedByPeople");
    CHECK(message() == "denied by bob");
    api.objects.erase("accessdecisions/bob");
    REQUIRE(pass());
    CHECK(state() == "Denied");
    check_nothing_opens();
  }
  SECTION("said under another policy, for which nobody asked whether they may") {
    say("Deny", "bob", "other");
    REQUIRE(pass());
    CHECK(verdict_object()["spec"]["outcome"] == "Granted");
  }
  SECTION("said in another namespace, where they may say what they like") {
    say("Deny", "bob");
    api.objects["accessdecisions/bob"]["metadata"]["namespace"] = "team-b";
    REQUIRE(pass());
    CHECK(verdict_object()["spec"]["outcome"] == "Granted");
  }
}

TEST_CASE_METHOD(RequestScene, "what is given back undecided leaves no trace in the cloud",
                 "[controllers]") {
  SECTION("by the word of its requester") {
    api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
    REQUIRE(pass());
    REQUIRE(pass());
    CHECK(state() == "Withdrawn");
  }
  SECTION("by deletion") {
    api.remove("accessrequests/ssh");
    REQUIRE(pass());
    CHECK_FALSE(is_held());
    CHECK_FALSE(is_decided());
  }
  SECTION("by deletion, while a verdict is on its way: that is waited for") {
    REQUIRE(pass());
    api.remove("accessrequests/ssh");
    const json verdict = verdict_object();
    api.objects.erase("accessverdicts/request");
    api.deliver(world);
    api.objects["accessverdicts/request"] = verdict;
    REQUIRE(pass_unseen());
    CHECK(is_held());
    // Nor is it let go while the one that is there cannot be read.
    verdict_object()["spec"]["outcome"] = "Later";
    CHECK_FALSE(pass_unseen());
    CHECK(is_held());
    verdict_object() = verdict;
  }
  check_nothing_opens();
}

TEST_CASE_METHOD(RequestScene, "a plan is told, and opens nothing", "[controllers]") {
  SECTION("asked for") { api.edit("accessrequests/ssh", {{"spec", {{"planOnly", true}}}}); }
  SECTION("by a policy in Audit") {
    api.edit("jitpolicies/prod-ssh", {{"spec", {{"enforcement", "Audit"}}}});
    policy_pass();
  }
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK(state() == "Planned");
  CHECK(message().find("would be granted for 10m on 1 machine(s)") != std::string::npos);
  check_nothing_opens();
}

}  // namespace
}  // namespace portcullis::controllers
