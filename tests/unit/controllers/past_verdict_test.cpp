#include "controllers/account_reconciler.hpp"
#include "controllers/open_grants.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// A grant without a request that could say how it stands.
struct Past : RequestScene {
  AccountReconciler accounts{world, client, events};

  Past() { open(); }

  Result<runtime::Next> account_pass() {
    api.deliver(world);
    return test::run(io, clock, accounts.reconcile("prod"));
  }
  void passes(int count = 3) {
    for (int i = 0; i < count; ++i) {
      (void)pass();
      (void)group_pass();
    }
  }

  void lose_account() {
    api.objects.erase("cloudaccounts/prod");
    (void)account_pass();
  }
  void find_account() {
    api.objects["cloudaccounts/prod"] = held(account());
    REQUIRE(account_pass());
  }

  /// It ends and is proven closed, and its request goes: what stays is the record.
  void close_and_forget_request() {
    clock.advance(10min);
    REQUIRE(group_pass());
    REQUIRE(pass());
    REQUIRE(state() == "Expired");
    api.remove("accessrequests/ssh");
    passes();
    REQUIRE_FALSE(is_held());
    REQUIRE(is_decided());
    REQUIRE(overdue().is_null());
    clock.advance(31s);
  }

  json overdue() {
    const json status = verdict_object().value("status", json::object());
    const json conditions = status.value("conditions", json::array());
    return conditions.empty() ? json() : conditions.front();
  }
  std::ptrdiff_t statuses_written() const {
    return std::ranges::count(api.writes, "PATCH accessverdicts/request/status");
  }
};

TEST_CASE_METHOD(Past, "a verdict whose request was forced away says what keeps it from its proof",
                 "[controllers]") {
  api.objects.erase("accessrequests/ssh");
  lose_account();
  passes();
  CHECK(overdue().is_null());  // it may still close in time
  clock.advance(31s);
  passes();
  CHECK(overdue()["type"] == "Overdue");
  CHECK(overdue()["status"] == "True");
  CHECK(overdue()["reason"] == "Overdue");
  const std::string said = overdue()["message"];
  CHECK(said.find("the request was deleted; closing: CloudAccount \"prod\" does not exist") == 0);
  CHECK(count_open_grants(world).overdue == 1);

  SECTION("and is written once, restarts included") {
    clock.advance(1min);
    passes();
    world.account_views.clear();
    restart();
    lose_account();
    passes();
    CHECK(statuses_written() == 1);
    // What it says counts, although a request that is gone is a sign that its end was proven.
    CHECK(count_open_grants(world).overdue == 1);
  }
  SECTION("and takes it back when it is proven closed") {
    find_account();
    clock.advance(1min);
    passes();
    CHECK_FALSE(is_open());
    CHECK(overdue()["status"] == "False");
    CHECK(overdue()["reason"] == "InTime");
    CHECK(overdue()["message"] == "the request was deleted; proven closed");
    CHECK(count_open_grants(world).overdue == 0);
    CHECK(statuses_written() == 2);
    passes();
    CHECK(statuses_written() == 2);
  }
}

TEST_CASE_METHOD(Past, "a record that has to go and cannot be proven closed again says why",
                 "[controllers]") {
  close_and_forget_request();
  world.account_views.clear();
  restart();
  std::string why;
  SECTION("its machine may not be read") {
    cloud.fail_always["read_machine"] = {.kind = Error::Kind::forbidden, .message = "403 no"};
    why = "machine web-1 cannot be read: 403 no";
  }
  SECTION("its subscription may not be read") {
    cloud.fail_always["check"] = {.kind = Error::Kind::forbidden, .message = "403 no"};
    why = "CloudAccount \"prod\" cannot be read: 403 no";
  }
  (void)account_pass();
  passes();
  CHECK(overdue().is_null());  // nobody waits for it
  api.remove("accessverdicts/request");
  clock.advance(5s);
  passes();
  CHECK(overdue()["status"] == "True");
  const std::string said = overdue()["message"];
  CHECK(said.find("its time ended at ") == 0);
  CHECK(said.find("; closing: " + why) != std::string::npos);

  cloud.fail_always.clear();
  clock.advance(1min);
  REQUIRE(account_pass());
  passes(5);
  CHECK_FALSE(is_decided());
}

TEST_CASE_METHOD(Past, "a record whose time is over says why it does not go", "[controllers]") {
  close_and_forget_request();
  lose_account();
  world.remembered_accounts.clear();
  world.account_views.clear();
  restart();
  passes();
  CHECK(overdue().is_null());
  clock.advance(168h);
  passes();
  CHECK(overdue()["status"] == "True");
}

TEST_CASE_METHOD(Past, "a record that has to go keeps silent while it is only being looked at",
                 "[controllers]") {
  close_and_forget_request();
  world.account_views.clear();
  restart();
  api.remove("accessverdicts/request");
  passes();
  CHECK(overdue().is_null());
  REQUIRE(account_pass());
  passes(5);
  CHECK_FALSE(is_decided());
  CHECK(statuses_written() == 0);
}

TEST_CASE_METHOD(Past, "a grant whose request cannot be read is proven closed all the same",
                 "[controllers]") {
  const json readable = asked();
  asked()["spec"]["duration"] = "soon";
  clock.advance(10min);
  SECTION("in time") {
    passes();
    CHECK_FALSE(is_open());
    CHECK(count_open_grants(world).overdue == 0);
    CHECK(overdue().is_null());
  }
  SECTION("late, and says so in its place") {
    cloud.fail_always["read_group"] = {.kind = Error::Kind::forbidden, .message = "403 no"};
    clock.advance(31s);
    passes();
    CHECK(overdue()["status"] == "True");
    CHECK(count_open_grants(world).overdue == 1);
    cloud.fail_always.clear();
    clock.advance(1min);
    SECTION("until it is closed") { passes(); }
    SECTION("until the request can be read again") {
      api.objects["accessrequests/ssh"] = readable;
      passes();
      CHECK(state() == "Expired");
    }
    CHECK(overdue()["status"] == "False");
    CHECK(count_open_grants(world).overdue == 0);
  }
}

}  // namespace
}  // namespace portcullis::controllers
