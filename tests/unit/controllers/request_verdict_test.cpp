#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

constexpr const char* create_verdict = "POST accessverdicts/request";

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
    problem =
        "is there and cannot be understood: spec.outcome: must be Granted or Refused, is Later";
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
  SECTION("yes, but the guards were lost meanwhile, and are back") {
    api.while_reviewed = [this] { world.guard.distrust_before = clock.now() + 5s; };
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

}  // namespace
}  // namespace portcullis::controllers
