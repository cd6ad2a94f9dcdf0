#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

constexpr const char* create_verdict = "POST accessverdicts/request";

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

  for (const auto& [name, object] : mended) api.objects.emplace(name, object);
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

TEST_CASE_METHOD(RequestScene, "a grant is recorded once, and before anything is opened",
                 "[controllers]") {
  REQUIRE(pass());
  REQUIRE(api.writes == std::vector<std::string>{create_verdict});
  const json spec = verdict_object()["spec"];
  CHECK(spec["outcome"] == "Granted");
  CHECK(spec["by"] == me);
  CHECK(spec["requestRef"] == json{{"name", "ssh"}, {"uid", "request"}});
  CHECK(spec["policy"] == json{{"name", "prod-ssh"}, {"uid", "policy"}, {"generation", 1}});
  CHECK(spec["targets"] == json{{{"resourceID", vm}, {"vmID", "vm-1"}}});
  CHECK(spec["sources"] == json{"203.0.113.7/32"});
  CHECK(spec["duration"] == "10m");
  REQUIRE(group_pass());
  CHECK(kinds() == Kinds{"lock", "foreign"});  // no cache shows it yet

  // Looked at again before the watch has told: the one that is there is obeyed.
  const json first = verdict_object();
  clock.advance(1s);
  REQUIRE(pass_unseen());
  CHECK(verdict_object() == first);
  REQUIRE(pass());
  REQUIRE(group_pass());
  CHECK(kinds() == Kinds{"open", "lock", "foreign"});
  REQUIRE(pass());
  api.writes.clear();
  api.reviews = 0;
  for (int i = 0; i < 5; ++i) REQUIRE(pass());
  CHECK(api.writes.empty());
  CHECK(api.reviews == 0);
  CHECK(verdict_object() == first);
}

TEST_CASE_METHOD(RequestScene, "a verdict that is not ours to obey opens nothing",
                 "[controllers]") {
  json other = verdict();
  std::string problem = "was not written by this operator";
  SECTION("it cannot be read") {
    other["spec"]["outcome"] = "Later";
    problem = "cannot be read";
  }
  SECTION("somebody else wrote it") { other["spec"]["by"] = "mallory"; }
  SECTION("it is about another request") { other["spec"]["requestRef"]["uid"] = "other"; }
  SECTION("it is about another request of another name") {
    other["spec"]["requestRef"] = {{"name", "other"}, {"uid", "other"}};
  }
  api.objects["accessverdicts/request"] = other;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(pass());
    check_nothing_opens();
  }
  CHECK(verdict_object()["spec"] == other["spec"]);
  CHECK(state() == "Pending");
  CHECK(condition("Ready")["reason"] == "VerdictFailed");
  CHECK(message().find(problem) != std::string::npos);
}

TEST_CASE_METHOD(RequestScene, "what was said of a request stands while its verdict cannot be read",
                 "[controllers]") {
  open();
  const json status = asked()["status"];
  verdict_object()["spec"]["outcome"] = "Later";
  SECTION("and its policy is there") {}
  SECTION("and its policy is gone") { api.objects.erase("jitpolicies/prod-ssh"); }
  REQUIRE(pass());
  CHECK(asked()["status"] == status);
}

TEST_CASE_METHOD(RequestScene, "who may not request is refused, and no answer is no yes",
                 "[controllers]") {
  SECTION("no") {
    api.allows = false;
    REQUIRE(pass());
    REQUIRE(pass());
    CHECK(state() == "Denied");
    CHECK(condition("Ready")["reason"] == "NotAuthorized");
    CHECK(message().find("user \"ann\" may not request JitPolicy \"prod-ssh\"") !=
          std::string::npos);
  }
  SECTION("no answer") {
    api.reviews_fail = true;
    REQUIRE(pass());
    CHECK(state() == "Pending");
    CHECK(condition("Ready")["reason"] == "AuthorizationUnknown");
    CHECK_FALSE(is_decided());
    api.reviews_fail = false;
    REQUIRE(pass());
    CHECK(verdict_object()["spec"]["outcome"] == "Granted");
    return;
  }
  SECTION("yes, but to what has changed meanwhile") {
    api.while_reviewed = [this] {
      api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", true}}}});
      api.deliver(world);
    };
    CHECK_FALSE(pass());
    CHECK_FALSE(is_decided());
  }
  SECTION("yes, but the lead was lost meanwhile") {
    api.while_reviewed = [this] { may_decide = false; };
    CHECK_FALSE(pass());
    CHECK_FALSE(is_decided());
  }
  SECTION("yes, but the guards were lost meanwhile") {
    api.while_reviewed = [this] { world.guard.holds = false; };
    CHECK_FALSE(pass());
    CHECK_FALSE(is_decided());
  }
  check_nothing_opens();
}

TEST_CASE_METHOD(RequestScene, "without the guards nothing is granted, then or later",
                 "[controllers]") {
  world.guard.holds = false;
  world.guard.problem = "the binding is gone";
  REQUIRE(pass());
  CHECK(condition("Ready")["reason"] == "GuardLost");
  CHECK(message().find("the binding is gone") != std::string::npos);
  CHECK_FALSE(is_decided());
  world.guard.holds = true;
  world.guard.distrust_before = clock.now() + 1s;
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK(state() == "Denied");
  CHECK(message().find("apply it again") != std::string::npos);
  check_nothing_opens();
}

TEST_CASE_METHOD(RequestScene, "who does not lead decides nothing", "[controllers]") {
  may_decide = false;
  const auto next = pass();
  REQUIRE(next);
  CHECK(next->at);
  CHECK(api.writes.empty());
}

TEST_CASE_METHOD(RequestScene, "of two requests that race for the last place one is refused",
                 "[controllers]") {
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"limits", {{"activePerRequester", 1}}}}}});
  json second = held(request());
  second["metadata"]["name"] = "second";
  second["metadata"]["uid"] = "second";
  api.objects["accessrequests/second"] = second;
  REQUIRE(policy_pass());
  REQUIRE(group_pass());
  REQUIRE(policy_pass());
  REQUIRE(pass_unseen());
  REQUIRE(pass_unseen("second"));  // no cache shows the first one's verdict yet
  CHECK(verdict_object()["spec"]["outcome"] == "Granted");
  const json refused = api.objects.at("accessverdicts/second")["spec"];
  CHECK(refused["reason"] == "LimitExceeded");
  CHECK(refused["message"].get<std::string>().find("has 1 live requests (\"ssh\"), the policy "
                                                   "allows 1") != std::string::npos);
}

TEST_CASE_METHOD(RequestScene, "a decision that cannot be recorded is none, and is tried again",
                 "[controllers]") {
  SECTION("it is refused") {
    api.broken = {create_verdict};
    CHECK_FALSE(pass());
    CHECK(state() == "Pending");
    CHECK(condition("Ready")["reason"] == "VerdictFailed");
    check_nothing_opens();
    api.broken.clear();
  }
  SECTION("the answer is lost: what was recorded is obeyed") {
    api.lost = {create_verdict};
    CHECK_FALSE(pass_unseen());
    CHECK_FALSE(pass_unseen());
    api.lost.clear();
  }
  open();
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
