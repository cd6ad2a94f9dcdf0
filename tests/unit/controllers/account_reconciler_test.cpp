#include "account_scene.hpp"

namespace portcullis::controllers {
namespace {

TEST_CASE_METHOD(AccountScene, "an account is held before it is used, and ready when it was probed",
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

TEST_CASE_METHOD(AccountScene,
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

TEST_CASE_METHOD(AccountScene,
                 "the last group to be read is planned anew, too: only then all were read",
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

TEST_CASE_METHOD(AccountScene,
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

TEST_CASE_METHOD(AccountScene, "who keeps itself from asking says so, and not that others do",
                 "[controllers]") {
  REQUIRE(pass());
  cloud.fail_always["check"] = {
      .kind = Error::Kind::throttled, .message = "not sent", .code = cloud::budget_used_up};
  CHECK_FALSE(pass());
  CHECK(condition("Ready")["reason"] == "BudgetUsedUp");
  CHECK(message().find("that the operator allows itself are used up") != std::string::npos);
}

TEST_CASE_METHOD(AccountScene,
                 "a status that cannot be written fails the pass, and is written later",
                 "[controllers]") {
  REQUIRE(pass());
  api.broken = {"PATCH cloudaccounts/prod/status"};
  CHECK_FALSE(pass());
  CHECK(world.account_views["prod"].listed);  // what was read is known all the same
  api.broken.clear();
  REQUIRE(pass());
  CHECK(condition("Ready")["status"] == "True");
}

TEST_CASE_METHOD(AccountScene, "lapsed guards are said, and need no reading of the cloud to be so",
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

TEST_CASE_METHOD(AccountScene,
                 "an account goes when no policy needs it and no rule of ours is left",
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

TEST_CASE_METHOD(AccountScene,
                 "an account that vanished is remembered: what it opened has to be closed",
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

TEST_CASE_METHOD(AccountScene, "of two accounts of one subscription the younger does nothing",
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
