#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// A grant for a window in an hour, recorded and shown.
struct Scheduled : RequestScene {
  Scheduled() {
    api.edit("accessrequests/ssh", {{"spec", {{"startAt", format_rfc3339(clock.now() + 1h)}}}});
    REQUIRE(pass());
    const auto next = pass();
    REQUIRE(next);
    REQUIRE(state() == "Scheduled");
    api.reviews = 0;
  }

  void begins() {
    clock.advance(1h);
    REQUIRE(policy_pass());
  }
};

TEST_CASE_METHOD(Scheduled, "a window opens at its start, and not before", "[controllers]") {
  check_nothing_opens();
  CHECK(message().find("opens at " + format_rfc3339(clock.now() + 1h)) != std::string::npos);
  clock.advance(1h - 1s);
  const auto next = pass();
  REQUIRE(next);
  CHECK((next->at == clock.now() + 1s));
  check_nothing_opens();
  CHECK(api.reviews == 0);
  clock.advance(1s);
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());  // the authorizer has not been asked again
  REQUIRE(pass());
  CHECK(api.reviews == 1);
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(state() == "Active");
  CHECK(is_open());
  clock.advance(10min);
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(state() == "Expired");
}

TEST_CASE_METHOD(Scheduled, "who may no longer when the window begins is not let in",
                 "[controllers]") {
  SECTION("no") {
    begins();
    api.allows = false;
    REQUIRE(pass());
    CHECK(verdict_object()["spec"]["ended"]["reason"] == "NotAuthorized");
    api.allows = true;
    REQUIRE(pass());
    REQUIRE(group_pass());
    REQUIRE(pass());
    CHECK(state() == "Revoked");
    check_nothing_opens();
  }
  SECTION("no answer: it waits, and is asked again soon") {
    begins();
    api.reviews_fail = true;
    const auto next = pass();
    REQUIRE(next);
    REQUIRE(next->at);
    CHECK((*next->at <= clock.now() + 5s));
    CHECK_FALSE(verdict_object()["spec"].contains("ended"));
    check_nothing_opens();
    api.reviews_fail = false;
    REQUIRE(pass());
    REQUIRE(group_pass());
    REQUIRE(pass());
    CHECK(state() == "Active");
  }
  SECTION("after a restart within the window the authorizer is asked again") {
    begins();
    REQUIRE(pass());
    REQUIRE(group_pass());
    REQUIRE(is_open());
    restart();
    REQUIRE(pass());
    CHECK(api.reviews == 2);
    REQUIRE(group_pass());
    CHECK(is_open());
  }
}

TEST_CASE_METHOD(Scheduled, "a window that is given back before its start is over at once",
                 "[controllers]") {
  cloud.calls.clear();
  SECTION("revoked") {
    api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
    REQUIRE(pass());
    CHECK(state() == "Revoked");
    CHECK(verdict_object()["spec"]["ended"]["reason"] == "Returned");
  }
  SECTION("deleted") {
    api.remove("accessrequests/ssh");
    REQUIRE(pass());
    CHECK_FALSE(is_held());
  }
  CHECK(cloud.calls.empty());
  begins();
  pass();
  check_nothing_opens();
}

TEST_CASE_METHOD(RequestScene, "a verdict outlives its request as the record, and not longer",
                 "[controllers]") {
  open();
  SECTION("the request vanished without its finalizer") { api.objects.erase("accessrequests/ssh"); }
  SECTION("another request has its name") {
    json again = held(request());
    again["metadata"]["uid"] = "again";
    api.objects["accessrequests/ssh"] = again;
  }
  const bool replaced = is_held();
  REQUIRE(pass());
  CHECK(verdict_object()["spec"]["ended"]["reason"] == "Deleted");
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  if (replaced) {
    CHECK(api.objects.at("accessverdicts/again")["spec"]["outcome"] == "Granted");
    REQUIRE(group_pass());
    CHECK(is_open());
  }
  clock.advance(168h - 1s);
  REQUIRE(pass());
  CHECK(is_decided());
  clock.advance(1s);
  REQUIRE(group_pass());
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK_FALSE(is_decided());
}

TEST_CASE_METHOD(RequestScene,
                 "somebody who deletes a verdict ends its grant, closed before it goes",
                 "[controllers]") {
  open();
  api.remove("accessverdicts/request");
  REQUIRE(pass());
  CHECK(state() == "Closing");
  CHECK(is_decided());
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  CHECK(state() == "Revoked");
}

}  // namespace
}  // namespace portcullis::controllers
