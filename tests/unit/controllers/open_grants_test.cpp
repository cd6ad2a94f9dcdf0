#include "controllers/open_grants.hpp"

#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// What is counted while a grant goes from its opening to its proven end.
struct Counting : RequestScene {
  OpenGrants counted() const { return count_open_grants(world); }

  void check(std::size_t open, std::size_t overdue, Duration oldest) const {
    const OpenGrants now = counted();
    CHECK(now.open == open);
    CHECK(now.overdue == overdue);
    CHECK(now.oldest_overdue == oldest);
  }

  /// The cloud takes no removal of an open rule.
  void fail_removals() {
    cloud.on_call = [this](const std::string& call) {
      if (call.starts_with("remove ") && call.find("-open-") != std::string::npos) {
        cloud.fail_once[call] = {.kind = Error::Kind::unavailable, .message = "no", .status = 500};
      }
    };
  }
};

TEST_CASE_METHOD(Counting, "a grant is open from its rule's writing to its proven end",
                 "[controllers]") {
  check(0, 0, 0s);
  open();
  check(1, 0, 0s);
  clock.advance(10min);
  check(1, 1, 0s);
  clock.advance(3s);
  check(1, 1, 3s);
  REQUIRE(group_pass());
  check(1, 1, 3s);  // gone, as the cloud says; whether that is proven the request's pass finds out
  REQUIRE(pass());
  REQUIRE(pass());
  REQUIRE(state() == "Expired");
  check(0, 0, 0s);
}

TEST_CASE_METHOD(Counting, "while the cloud refuses, what is overdue grows, and ends when it mends",
                 "[controllers]") {
  open();
  fail_removals();
  clock.advance(10min + 40s);
  REQUIRE(group_pass());
  REQUIRE(pass());
  REQUIRE(state() == "Closing");
  check(1, 1, 40s);
  clock.advance(1min);
  check(1, 1, 100s);
  cloud.on_call = nullptr;
  REQUIRE(group_pass());
  REQUIRE(pass());
  REQUIRE(pass());
  REQUIRE(state() == "Expired");
  check(0, 0, 0s);
}

TEST_CASE_METHOD(Counting, "one that is revoked is overdue from then on", "[controllers]") {
  open();
  clock.advance(1min);
  api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
  REQUIRE(pass());
  clock.advance(5s);
  check(1, 1, 5s);
}

TEST_CASE_METHOD(Counting, "a new process takes over what is overdue, and no old record",
                 "[controllers]") {
  open();
  fail_removals();
  clock.advance(10min);
  REQUIRE(group_pass());
  REQUIRE(pass());
  REQUIRE(state() == "Closing");
  clock.advance(1min);
  SECTION("the request says that it is not closed") {
    restart();
    check(0, 1, 1min);
  }
  SECTION("the status says so, whatever it is worth: the rule that stands is counted") {
    api.edit("accessrequests/ssh", {{"status", {{"state", "Expired"}}}});
    restart();
    check(0, 0, 0s);
    REQUIRE(group_pass());  // has read the group
    check(0, 1, 1min);
  }
  SECTION("it was closed, and the request is gone") {
    cloud.on_call = nullptr;
    REQUIRE(group_pass());
    REQUIRE(pass());
    REQUIRE(pass());
    REQUIRE(state() == "Expired");
    api.objects.erase("accessrequests/ssh");
    restart();
    REQUIRE(group_pass());
    check(0, 0, 0s);
  }
}

TEST_CASE_METHOD(Counting, "a status that this process did not come to is not believed",
                 "[controllers]") {
  open();
  clock.advance(10min + 7s);
  api.edit("accessrequests/ssh", {{"status", {{"state", "Expired"}}}});
  api.deliver(world);
  check(1, 1, 7s);
}

TEST_CASE_METHOD(Counting, "a rule past its own end is overdue without any object",
                 "[controllers]") {
  open();
  api.objects.erase("accessverdicts/request");
  api.objects.erase("accessrequests/ssh");
  fail_removals();
  clock.advance(10min + 5s);
  api.deliver(world);
  check(0, 1, 5s);  // as it was last read
  REQUIRE(group_pass());
  check(0, 1, 5s);
  cloud.on_call = nullptr;
  clock.advance(1min);
  check(0, 1, 65s);
  REQUIRE(group_pass());
  check(0, 0, 0s);
}

TEST_CASE_METHOD(Counting, "writes of rules are counted by what they are", "[controllers]") {
  open();
  using plan::Change;
  using plan::ChangeClass;
  const RuleWrite opened{Change::Kind::put, ChangeClass::open, true};
  const RuleWrite failed{Change::Kind::remove, ChangeClass::close, false};
  const RuleWrite closed{Change::Kind::remove, ChangeClass::close, true};
  CHECK(world.rules_written[opened] == 1);
  fail_removals();
  clock.advance(10min);
  REQUIRE(group_pass());
  CHECK(world.rules_written[failed] == 1);
  CHECK(world.rules_written[closed] == 0);
  cloud.on_call = nullptr;
  clock.advance(1min);
  REQUIRE(group_pass());
  CHECK(world.rules_written[closed] == 1);
}

TEST_CASE_METHOD(Counting, "what its time ended was ended by no suspension", "[controllers]") {
  open();
  clock.advance(10min);
  REQUIRE(group_pass());
  REQUIRE(pass());
  REQUIRE(state() == "Expired");
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", true}}}});
  api.deliver(world);
  plan::PolicyFindings findings;
  count_grants(world, *world.stores.policies.find("team-a/prod-ssh"), findings);
  CHECK(findings.suspended == 0);
  CHECK(findings.closed == 0);
}

}  // namespace
}  // namespace portcullis::controllers
