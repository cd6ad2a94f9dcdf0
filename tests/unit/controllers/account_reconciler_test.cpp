#include "controllers/account_reconciler.hpp"

#include "api_server.hpp"
#include "controllers/group_reconciler.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {
namespace {

constexpr const char* object_key = "cloudaccounts/prod";

/// A new process that has looked at nothing in the cloud yet.
struct Fixture : Scene {
  ApiServer api{clock};
  kube::EventSender events{client, "test"};
  AccountReconciler reconciler{world, client, events};
  GroupReconciler groups{world, client, [] { return true; }};
  asio::io_context io;  // last: its coroutines must die before what they refer to

  Fixture() {
    server.serve = [this](const net::Request& asked) { return api.serve(asked); };
    api.objects[object_key] = account();
    api.objects["jitpolicies/prod-ssh"] = policy();
    world.guard.holds = true;
    world.account_views.clear();
    world.groups.clear();
  }

  Result<runtime::Next> pass(const std::string& name = "prod") {
    api.deliver(world);
    return test::run(io, clock, reconciler.reconcile(name));
  }
  Result<runtime::Next> group_pass() { return test::run(io, clock, groups.reconcile(key)); }

  /// Held by the finalizer, probed, with a lock in its group.
  void settle() {
    REQUIRE(pass());
    REQUIRE(pass());
    world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
    REQUIRE(group_pass());
    REQUIRE(kinds() == Kinds{"lock", "foreign"});
  }

  json condition(const std::string& type, const std::string& name = object_key) {
    for (const json& one : api.objects.at(name)["status"]["conditions"]) {
      if (one["type"] == type) return one;
    }
    return {};
  }
  std::string message() { return condition("Ready")["message"]; }
  bool is_there() const { return api.objects.contains(object_key); }

  json younger() const {
    json other = account();
    other["metadata"]["name"] = "second";
    other["metadata"]["uid"] = "second";
    other["metadata"]["creationTimestamp"] = format_rfc3339(clock.now());
    other["metadata"]["finalizers"] = {model::finalizer};
    return other;
  }
};

TEST_CASE_METHOD(Fixture, "an account is held before it is used, and ready when it was probed",
                 "[controllers]") {
  REQUIRE(pass());
  CHECK(api.objects[object_key]["metadata"]["finalizers"] == json{model::finalizer});
  CHECK(cloud.calls.empty());
  CHECK_FALSE(api.objects[object_key].contains("status"));
  CHECK_FALSE(world.swept("prod"));
  REQUIRE(pass());
  // In the scope, where nothing may be hidden, and then anywhere.
  CHECK(cloud.calls == std::vector<std::string>{"check", "list_groups", "list_groups"});
  CHECK(condition("Ready")["status"] == "True");
  CHECK(message().find("11111111-1111-4111-8111-111111111111") != std::string::npos);
  CHECK(condition("AdmissionGuarded")["status"] == "True");
  CHECK(world.account_views["prod"].listed);
  CHECK(cloud.writes.empty());
  api.writes.clear();
  for (int i = 0; i < 3; ++i) REQUIRE(pass());
  CHECK(api.writes.empty());
}

TEST_CASE_METHOD(Fixture,
                 "a group read before the account was first listed is planned anew after it",
                 "[controllers]") {
  const bool granted = GENERATE(true, false);
  if (granted) api.objects["accessverdicts/request"] = verdict();
  REQUIRE(pass());
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  REQUIRE(test::run(io, clock, world.group_queue.take()) == key);
  REQUIRE(group_pass());
  world.group_queue.done(key);
  REQUIRE(world.group_queue.idle());
  REQUIRE_FALSE(world.swept("prod"));

  REQUIRE(pass());
  CHECK(world.swept("prod"));
  CHECK(world.group_queue.idle() != granted);  // what it may open waited for the list
}

TEST_CASE_METHOD(Fixture, "the last group to be read is planned anew, too: only then all were read",
                 "[controllers]") {
  api.objects["accessverdicts/request"] = verdict();
  REQUIRE(pass());
  REQUIRE(pass());
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  REQUIRE_FALSE(world.swept("prod"));
  REQUIRE(test::run(io, clock, world.group_queue.take()) == key);
  REQUIRE(group_pass());
  world.group_queue.done(key);
  CHECK(world.swept("prod"));
  CHECK_FALSE(world.group_queue.idle());
}

TEST_CASE_METHOD(Fixture,
                 "what keeps the subscription from being read is said, and it is tried again",
                 "[controllers]") {
  Error problem;
  std::string reason;
  std::string begins;
  const auto set = [&](const std::string& call, Error error) {
    problem = error;
    cloud.fail_always[call] = std::move(error);
  };
  REQUIRE(pass());
  bool before = false;
  SECTION("a file of its credential cannot be read") {
    problem = {.message = "cannot read /credentials/secret: No such file or directory"};
    no_provider = problem;
    reason = "CredentialFailed";
  }
  SECTION("its credential is not accepted") {
    set("check", {.kind = Error::Kind::unauthorized, .message = "401 AADSTS7000215"});
    reason = "CredentialFailed";
  }
  SECTION("or no longer") {
    before = true;
    REQUIRE(pass());
    REQUIRE(condition("Ready")["status"] == "True");
    set("check", {.kind = Error::Kind::unauthorized, .message = "401 expired"});
    reason = "CredentialFailed";
  }
  SECTION("it may not read") {
    set("check", {.kind = Error::Kind::forbidden, .message = "403 AuthorizationFailed"});
    reason = "NotPermitted";
    begins = "the operator's identity lacks a right in the subscription: ";
  }
  SECTION("it may not list") {
    set("list_groups", {.kind = Error::Kind::forbidden, .message = "403 on the list"});
    reason = "NotPermitted";
    begins = "the operator's identity lacks a right in the subscription: ";
  }
  SECTION("the cloud throttles") {
    set("list_groups", {.kind = Error::Kind::throttled,
                        .message = "429 TooManyRequests",
                        .code = "TooManyRequests",
                        .status = 429});
    reason = "Throttled";
    begins = "the cloud throttles calls, so the subscription is read later: ";
  }
  SECTION("its own budget of reads is used up") {
    set("list_groups", {.kind = Error::Kind::throttled,
                        .message = "not sent, the subscription's budget of reads is used up",
                        .code = cloud::budget_used_up});
    reason = "BudgetUsedUp";
    begins =
        "the reads that the operator allows itself are used up, so the subscription is read "
        "later: ";
  }
  SECTION("no answer") {
    set("check", {.kind = Error::Kind::timeout, .message = "no answer in 30s"});
    reason = "CloudError";
    begins = "the cloud does not answer as it should: ";
  }
  SECTION("an answer that is none") {
    set("list_groups", {.kind = Error::Kind::malformed, .message = "the answer is no JSON"});
    reason = "CloudError";
    begins = "the cloud does not answer as it should: ";
  }
  const auto failed = pass();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message == problem.message);
  CHECK(condition("Ready")["status"] == "False");
  CHECK(condition("Ready")["reason"] == reason);
  CHECK(message() == begins + problem.message);
  CHECK(world.account_views["prod"].error);
  // What was listed once is known; what never was is not.
  CHECK(world.account_views["prod"].listed == before);
  no_provider.reset();
  cloud.fail_always.clear();
  REQUIRE(pass());
  CHECK(condition("Ready")["status"] == "True");
  CHECK_FALSE(world.account_views["prod"].error);
}

TEST_CASE_METHOD(Fixture, "who keeps itself from asking says so, and not that others do",
                 "[controllers]") {
  REQUIRE(pass());
  cloud.fail_always["check"] = {
      .kind = Error::Kind::throttled, .message = "not sent", .code = cloud::budget_used_up};
  CHECK_FALSE(pass());
  CHECK(condition("Ready")["reason"] == "BudgetUsedUp");
  CHECK(message().find("that the operator allows itself are used up") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a status that cannot be written fails the pass, and is written later",
                 "[controllers]") {
  REQUIRE(pass());
  api.broken = {"PATCH cloudaccounts/prod/status"};
  CHECK_FALSE(pass());
  CHECK(world.account_views["prod"].listed);  // what was read is known all the same
  api.broken.clear();
  REQUIRE(pass());
  CHECK(condition("Ready")["status"] == "True");
}

TEST_CASE_METHOD(Fixture, "lapsed guards are said, and need no reading of the cloud to be so",
                 "[controllers]") {
  REQUIRE(pass());
  world.guard = {.holds = false, .problem = "not proven yet"};
  REQUIRE(pass());
  CHECK(condition("AdmissionGuarded")["status"] == "Unknown");
  world.guard = {.holds = false, .lost = true, .told = true, .problem = "the binding is gone"};
  REQUIRE(pass());
  CHECK(condition("AdmissionGuarded")["status"] == "False");
  CHECK(condition("AdmissionGuarded")["message"] == "the binding is gone");
}

/// A rule of ours that nobody remembers.
model::SecurityRule forgotten_rule(const World& world, TimePoint until) {
  plan::OwnMark mark;
  mark.kind = plan::RuleKind::open;
  mark.until = until;
  return {.name = plan::rule_name(world.instance, plan::RuleKind::open, "forgotten"),
          .description = plan::describe(mark),
          .priority = 130,
          .access = model::Access::allow,
          .source = {.prefixes = {prefix("203.0.113.7")}},
          .destination = {.prefixes = {prefix("10.0.0.4")}},
          .destination_ports = {{22, 22}}};
}

TEST_CASE_METHOD(Fixture, "a rule of ours is found also where the scope was before a start",
                 "[controllers]") {
  const std::string old = sub + "old/providers/Microsoft.Network/networkSecurityGroups/nsg-old";
  const std::string old_key = model::resource_key(old);
  cloud.groups[old_key] = cloud.groups.at(key);
  cloud.groups[old_key].id = old;
  cloud.groups[old_key].rules.push_back(forgotten_rule(world, clock.now() - 1min));
  REQUIRE(pass());
  REQUIRE(pass());
  REQUIRE(world.groups.contains(old_key));
  CHECK_FALSE(world.swept("prod"));  // nothing is said to be closed before it was read
  CHECK_FALSE(world.group_queue.idle());
  for (int i = 0; i < 2; ++i) (void)test::run(io, clock, groups.reconcile(old_key));
  CHECK(std::ranges::none_of(cloud.groups.at(old_key).rules, [&](const auto& rule) {
    return rule.name.find("-open-") != std::string::npos;
  }));
}

TEST_CASE_METHOD(Fixture, "a list finds the groups that rules of ours were left in",
                 "[controllers]") {
  REQUIRE(pass());
  SECTION("none of ours: it is left to those who need it") {
    REQUIRE(pass());
    CHECK(world.groups.empty());
    CHECK(world.swept("prod"));
  }
  SECTION("one of ours: nothing is known of the account before it was read") {
    cloud.groups[key].rules.push_back(forgotten_rule(world, clock.now() + 1h));
    REQUIRE(pass());
    CHECK_FALSE(world.swept("prod"));
    CHECK(world.groups[key].listed_with_ours);
    REQUIRE(group_pass());
    CHECK(world.swept("prod"));
  }
  SECTION("one that is over: it is read again, though it was before") {
    settle();
    world.groups[key].dirty = false;
    REQUIRE(pass());
    CHECK_FALSE(world.groups[key].dirty);  // nothing new in it
    cloud.groups[key].rules.push_back(forgotten_rule(world, clock.now() - 1min));
    REQUIRE(pass());
    CHECK(world.groups[key].dirty);
    REQUIRE(group_pass());
    CHECK(kinds() == Kinds{"lock", "foreign"});
  }
  SECTION("a shorter list takes nothing away") {
    settle();
    const auto groups_there = std::exchange(cloud.groups, {});
    REQUIRE(pass());
    CHECK(world.groups[key].group);
    CHECK_FALSE(world.groups[key].gone);
  }
}

TEST_CASE_METHOD(Fixture, "an account goes when no policy needs it and no rule of ours is left",
                 "[controllers]") {
  settle();
  api.remove(object_key);
  REQUIRE(pass());
  CHECK(is_there());
  CHECK(condition("Ready")["reason"] == "InUse");
  CHECK(message() == "JitPolicy \"team-a/prod-ssh\" refers to it; delete that first");
  api.objects.erase("jitpolicies/prod-ssh");
  REQUIRE(pass());
  CHECK(is_there());
  CHECK(message().find("is left in NSG \"" + nsg + "\"") != std::string::npos);
  std::erase_if(cloud.groups[key].rules, [](const auto& rule) { return rule.priority < 1000; });

  SECTION("the last reading still has the rule") {
    REQUIRE(pass());
    CHECK(is_there());
  }
  SECTION("a list shows that somebody changed the group: it is read, for whoever waits") {
    world.groups[key].dirty = false;
    REQUIRE(pass());
    CHECK_FALSE(world.groups[key].dirty);
    cloud.touch(nsg);
    REQUIRE(pass());
    CHECK(world.groups[key].dirty);
  }
  SECTION("a group cannot be read") {
    world.groups[key].group.reset();
    REQUIRE(pass());
    CHECK(is_there());
    CHECK(message() == "NSG \"" + nsg + "\" cannot be read");
  }
  SECTION("a group has not been tried") {
    world.groups[key].passed = false;
    REQUIRE(pass());
    CHECK(is_there());
    CHECK(message() == "its NSGs have not all been read yet");
  }
  SECTION("nobody lets us look") {
    cloud.fail_always["check"] = {.kind = Error::Kind::unauthorized, .message = "401"};
    CHECK_FALSE(pass());
    CHECK(is_there());
    cloud.fail_always.clear();
  }
  REQUIRE(group_pass());
  CHECK(world.remembered_accounts.contains("prod"));
  SECTION("") {}
  SECTION("others still hold it: it is forgotten all the same") {
    api.objects[object_key]["metadata"]["finalizers"].push_back("foregroundDeletion");
    REQUIRE(pass());
    REQUIRE(is_there());
    REQUIRE(pass());
    api.objects.erase(object_key);
  }
  REQUIRE(pass());
  CHECK_FALSE(is_there());
  REQUIRE(pass());
  CHECK(world.remembered_accounts.empty());
  CHECK(world.account_views.empty());
  CHECK(world.account_of(nsg) == nullptr);
}

TEST_CASE_METHOD(Fixture, "an account that vanished is remembered: what it opened has to be closed",
                 "[controllers]") {
  settle();
  SECTION("its finalizer was taken away") {
    api.objects[object_key]["metadata"]["finalizers"] = {"other"};
    api.remove(object_key);
    REQUIRE(pass());
    api.objects.erase(object_key);
  }
  SECTION("at once") { api.objects.erase(object_key); }
  REQUIRE(pass());
  REQUIRE(world.account_of(nsg) != nullptr);
  CHECK(world.account_of(nsg)->meta.name == "prod");
  CHECK_FALSE(world.swept("prod"));  // nobody vouches for what is in its groups any more
}

TEST_CASE_METHOD(Fixture, "of two accounts of one subscription the younger does nothing",
                 "[controllers]") {
  settle();
  api.objects["cloudaccounts/second"] = younger();
  REQUIRE(pass("second"));
  const std::string second = "cloudaccounts/second";
  CHECK(condition("Ready", second)["status"] == "False");
  CHECK(condition("Ready", second)["reason"] == "Conflict");
  CHECK(condition("Ready", second)["message"].get<std::string>().find(
            "CloudAccount \"prod\" is older and has subscription 11111111") != std::string::npos);
  REQUIRE(pass());
  CHECK(condition("Ready")["status"] == "True");
  CHECK(world.account_of(nsg)->meta.name == "prod");

  SECTION("it may go, though rules of the other's are there") {
    api.remove(second);
    REQUIRE(pass("second"));
    CHECK_FALSE(api.objects.contains(second));
    CHECK(kinds() == Kinds{"lock", "foreign"});
  }
  SECTION("it takes over when the older one is gone") {
    api.objects.erase(object_key);
    REQUIRE(pass());
    REQUIRE(pass("second"));
    CHECK(condition("Ready", second)["status"] == "True");
    CHECK(world.account_of(nsg)->meta.name == "second");
  }
}

}  // namespace
}  // namespace portcullis::controllers
