#include "controllers/request_reconciler.hpp"

#include "controllers/grants.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

constexpr const char* write_status = "PATCH accessrequests/ssh/status";
constexpr const char* write_end = "PATCH accessverdicts/request";
constexpr const char* request_key = "accessrequests/ssh";
constexpr const char* policy_key = "jitpolicies/prod-ssh";

TEST_CASE_METHOD(RequestScene, "active is what was read back, not what was written",
                 "[controllers]") {
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK(state() == "Opening");
  CHECK(condition("Ready")["status"] == "False");
  SECTION("the write is refused") {
    fail_puts({.kind = Error::Kind::forbidden, .message = "403 by RBAC"});
    REQUIRE(group_pass());  // what the cloud refuses of one rule fails nobody else's
    REQUIRE(pass());
    CHECK(state() == "Opening");
    CHECK(condition("Ready")["reason"] == "CloudError");
    CHECK(message().find("403 by RBAC") != std::string::npos);
    clock.advance(1s);  // and is not tried again at once
  }
  SECTION("the write is done, and the reading fails") {
    fail_puts({.kind = Error::Kind::unavailable, .message = "500"}, true);
    CHECK_FALSE(group_pass());
    REQUIRE(is_open());
    REQUIRE(pass());
    CHECK(state() == "Opening");
  }
  SECTION("the write is done, and somebody's rule stands above it") {
    auto& rules = cloud.groups[key].rules;
    model::SecurityRule deny = rules.back();
    deny.name = "corporate";
    deny.priority = 110;
    deny.access = model::Access::deny;
    rules.insert(rules.begin(), deny);
    REQUIRE(group_pass());
    REQUIRE(is_open());
    REQUIRE(pass());
    CHECK(state() == "Opening");
    CHECK(condition("Ready")["reason"] == "Shadowed");
    CHECK(message().find("\"corporate\" (priority 110)") != std::string::npos);
    std::erase_if(rules, [](const auto& one) { return one.name == "corporate"; });
  }
  SECTION("at once") {}
  CHECK_FALSE(asked()["status"].contains("openedAt"));
  cloud.on_call = nullptr;
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(state() == "Active");
  CHECK(condition("Ready")["status"] == "True");
  CHECK(asked()["status"]["openedAt"] == format_rfc3339(clock.now()));
  CHECK(message().find("connect to 22/TCP on 10.0.0.4 from 203.0.113.7/32") != std::string::npos);
  CHECK(asked()["status"]["rules"].size() == 1);
}

/// How a grant may end, and what is said of it.
struct Ending {
  const char* how;
  const char* reason;
  std::function<void(RequestScene&)> happens;
  const char* state = "Revoked";
};

const std::vector<Ending>& endings() {
  static const std::vector<Ending> all = {
      {"by its time", "Expired", [](auto& s) { s.clock.advance(10min); }, "Expired"},
      {"by its requester", "Returned",
       [](auto& s) { s.api.edit(request_key, {{"spec", {{"revoke", true}}}}); }},
      {"by somebody's Revoke", "Revoked", [](auto& s) { s.say("Revoke", "bob"); }},
      {"by deletion", "Deleted", [](auto& s) { s.api.remove(request_key); }},
      {"by suspension", "Suspended",
       [](auto& s) { s.api.edit(policy_key, {{"spec", {{"suspend", true}}}}); }},
      {"by a freeze", "Frozen",
       [](auto& s) { s.api.edit("cloudaccounts/prod", {{"spec", {{"freeze", true}}}}); }},
      {"by a narrower policy", "PolicyChanged",
       [](auto& s) {
         s.api.edit(policy_key, {{"spec", {{"ports", {{{"port", 22}, {"maxDuration", "5m"}}}}}}});
       }},
      {"by another machine under its name", "TargetChanged",
       [](auto& s) {
         s.cloud.machines[model::resource_key(vm)].vm_id = "vm-2";
         s.clock.advance(read_ways_every);
         REQUIRE(s.pass());  // reads it
       }},
  };
  return all;
}

TEST_CASE("a grant that ended is closed first, and said to be so on evidence", "[controllers]") {
  for (const Ending& ending : endings()) {
    DYNAMIC_SECTION(ending.how) {
      RequestScene scene;
      scene.open();
      ending.happens(scene);
      REQUIRE(scene.pass());
      CHECK(scene.state() == "Closing");
      CHECK(scene.condition("Ready")["status"] == "False");
      CHECK(scene.condition("Complete")["status"] == "False");
      CHECK(scene.world.groups[key].dirty);
      const bool early = std::string(ending.state) == "Revoked";
      CHECK(scene.verdict_object()["spec"].contains("ended") == early);
      if (early) {
        CHECK(scene.verdict_object()["spec"]["ended"]["reason"] == ending.reason);
        CHECK_FALSE(scene.verdict_object()["spec"]["ended"]["by"].get<std::string>().empty());
      }
      CHECK(scene.is_held());

      // The cloud refuses: whoever was let in still is.
      scene.cloud.fail_always["read_group"] = {.kind = Error::Kind::unavailable, .message = "500"};
      CHECK_FALSE(scene.group_pass());
      scene.clock.advance(plan::overdue_grace);
      REQUIRE(scene.pass());
      CHECK(scene.state() == "Closing");
      CHECK(scene.condition("Overdue")["status"] == "True");
      CHECK(scene.message().find("500") != std::string::npos);
      CHECK(scene.is_held());

      scene.cloud.fail_always.clear();
      REQUIRE(scene.group_pass());
      CHECK_FALSE(scene.is_open());
      const bool deleted = std::string(ending.reason) == "Deleted";
      REQUIRE(scene.pass());
      CHECK(scene.is_held() != deleted);
      if (deleted) return;
      CHECK(scene.state() == ending.state);
      CHECK(scene.condition("Ready")["reason"] == ending.reason);
      CHECK(scene.condition("Complete")["status"] == "True");
      CHECK(scene.condition("Overdue")["status"] == "False");
      CHECK(scene.asked()["status"]["closedAt"] == format_rfc3339(scene.clock.now()));
      CHECK_FALSE(scene.asked()["status"].contains("rules"));
    }
  }
}

TEST_CASE_METHOD(RequestScene, "what has ended never opens again", "[controllers]") {
  open();
  SECTION("not by unsuspending") {
    api.edit(policy_key, {{"spec", {{"suspend", true}}}});
    REQUIRE(pass());
    api.edit(policy_key, {{"spec", {{"suspend", false}}}});
  }
  SECTION("not by deleting the Revoke") {
    say("Revoke", "bob");
    REQUIRE(pass());
    api.objects.erase("accessdecisions/bob");
  }
  SECTION("not by taking its NSG back into the account's scope") {
    const auto limit_to = [&](const char* groups) {
      api.edit("cloudaccounts/prod", {{"spec", {{"networkResourceGroups", {groups}}}}});
    };
    limit_to("elsewhere");
    REQUIRE(pass());
    limit_to("net");
    REQUIRE(pass());
    CHECK(message().find("NSG \"nsg-web\" may not be written any more") != std::string::npos);
  }
  for (int i = 0; i < 3; ++i) {
    REQUIRE(pass());
    REQUIRE(group_pass());
    CHECK_FALSE(is_open());
  }
  CHECK(state() == "Revoked");
  restart();
  REQUIRE(pass());
  check_nothing_opens();
}

TEST_CASE_METHOD(RequestScene, "a word from another namespace ends nothing", "[controllers]") {
  open();
  say("Revoke", "bob");
  api.objects["accessdecisions/bob"]["metadata"]["namespace"] = "team-b";
  REQUIRE(pass());
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(state() == "Active");
  CHECK(is_open());
}

TEST_CASE_METHOD(RequestScene, "a grant that never was open failed", "[controllers]") {
  REQUIRE(pass());
  REQUIRE(pass());
  fail_puts({.kind = Error::Kind::locked, .message = "ScopeLocked"});
  REQUIRE(group_pass());
  REQUIRE(pass());
  clock.advance(10min);
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(state() == "Failed");
  CHECK(condition("Ready")["reason"] == "NeverOpened");
}

TEST_CASE_METHOD(RequestScene,
                 "a status that cannot be written is written later, with nothing lost",
                 "[controllers]") {
  SECTION("that it is open") {
    REQUIRE(pass());
    REQUIRE(pass());
    api.broken = {write_status};
    REQUIRE(group_pass());
    CHECK_FALSE(pass());
    CHECK(state() == "Opening");
    const auto opened = format_rfc3339(clock.now());  // seen then, though nobody was told
    SECTION("a moment later") {
      clock.advance(1s);
      api.broken.clear();
      REQUIRE(pass());
      CHECK(state() == "Active");
    }
    SECTION("when it is over") {
      clock.advance(10min);
      REQUIRE(group_pass());
      CHECK_FALSE(pass());
      api.broken.clear();
      REQUIRE(pass());
      CHECK(state() == "Expired");
    }
    CHECK(asked()["status"]["openedAt"] == opened);
  }
  SECTION("that it was refused") {
    api.edit(policy_key, {{"spec", {{"suspend", true}}}});
    REQUIRE(pass());
    api.broken = {write_status};
    CHECK_FALSE(pass());
    api.broken.clear();
    REQUIRE(pass());
    CHECK(state() == "Denied");
  }
  SECTION("it is written on what was seen: a newer object is looked at first") {
    REQUIRE(pass());
    api.deliver(world);
    api.edit(request_key, {{"spec", {{"revoke", true}}}});
    CHECK_FALSE(pass_unseen());
    REQUIRE(pass());
    CHECK(condition("Ready")["reason"] == "Closing");
  }
}

TEST_CASE_METHOD(RequestScene, "closing waits for no record of the end", "[controllers]") {
  open();
  api.broken = {write_end, write_status};
  api.edit(request_key, {{"spec", {{"revoke", true}}}});
  CHECK_FALSE(pass());
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  CHECK_FALSE(pass());
  CHECK(state() == "Active");  // the last that could be said
  api.broken.clear();
  REQUIRE(pass());
  CHECK(state() == "Revoked");
  CHECK(verdict_object()["spec"]["ended"]["reason"] == "Returned");
}

TEST_CASE_METHOD(RequestScene, "after a restart what was said stands until it is disproven",
                 "[controllers]") {
  open();
  SECTION("what is final costs no reading and no write") {
    clock.advance(10min);
    REQUIRE(group_pass());
    REQUIRE(pass());
    REQUIRE(state() == "Expired");
    restart();
    api.writes.clear();
    cloud.calls.clear();
    for (int i = 0; i < 3; ++i) REQUIRE(pass());
    CHECK(api.writes.empty());
    CHECK(cloud.calls.empty());
    // But a finalizer goes only on a new proof.
    api.remove(request_key);
    REQUIRE(pass());
    CHECK(is_held());
    CHECK(state() == "Expired");
    REQUIRE(group_pass());
    REQUIRE(pass());
    CHECK_FALSE(is_held());
  }
  SECTION("what is open is not said to be closed because nobody has looked yet") {
    restart();
    api.writes.clear();
    REQUIRE(pass());
    REQUIRE(group_pass());
    REQUIRE(pass());
    CHECK(api.writes.empty());
    CHECK(is_open());
  }
  SECTION("what ended meanwhile is closed") {
    clock.advance(10min);
    restart();
    REQUIRE(pass());
    CHECK(state() == "Closing");
    REQUIRE(group_pass());
    REQUIRE(pass());
    CHECK(state() == "Expired");
    CHECK_FALSE(is_open());
  }
}

}  // namespace
}  // namespace portcullis::controllers
