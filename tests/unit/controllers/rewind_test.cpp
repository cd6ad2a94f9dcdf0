#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

constexpr const char* write_end = "PATCH accessverdicts/request";

/// The API server is restored from a copy that was made while the grant was open.
struct Rewound : RequestScene {
  std::map<std::string, json> copy;

  Rewound() {
    open();
    copy = api.objects;
  }

  void close() {
    for (int i = 0; i < 2; ++i) {
      REQUIRE(pass());
      REQUIRE(group_pass());
    }
    REQUIRE(pass());
    REQUIRE(state() == "Revoked");
    REQUIRE(kinds() == Kinds{"lock", "foreign"});
  }
};

TEST_CASE_METHOD(Rewound, "what ended stays ended, whatever the API server says later",
                 "[controllers]") {
  SECTION("it ended by suspension") {
    api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", true}}}});
  }
  SECTION("somebody else wrote that it ended") {
    api.edit(
        "accessverdicts/request",
        {{"spec", {{"ended", {{"at", format_rfc3339(clock.now())}, {"reason", "Suspended"}}}}}});
  }
  close();
  clock.advance(1min);
  api.objects = copy;
  for (int i = 0; i < 3; ++i) {
    check_nothing_opens();
    REQUIRE(pass());
  }
  CHECK(state() == "Revoked");
  CHECK(verdict_object()["spec"]["ended"]["reason"] == "Suspended");
}

TEST_CASE_METHOD(Rewound, "a verdict that was gone for a while opens nothing again",
                 "[controllers]") {
  api.objects.erase("accessverdicts/request");
  api.objects.erase("accessrequests/ssh");
  api.deliver(world);
  api.objects = copy;
  for (int i = 0; i < 2; ++i) {
    check_nothing_opens();
    REQUIRE(pass());
  }
  CHECK(verdict_object()["spec"]["ended"]["reason"] == "Deleted");
}

TEST_CASE_METHOD(Rewound, "closed is proven anew once the API server forgot the end",
                 "[controllers]") {
  const auto standing = cloud.groups[key];
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", true}}}});
  close();
  // Another process, which knows the copy only, opens.
  cloud.groups[key] = standing;
  api.objects = copy;
  REQUIRE(pass());
  CHECK(state() == "Closing");
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  CHECK(state() == "Revoked");
}

TEST_CASE_METHOD(Rewound, "an end that could not be written is none the less for good",
                 "[controllers]") {
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", true}}}});
  api.broken = {write_end};
  CHECK_FALSE(pass());
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", false}}}});
  check_nothing_opens();
  CHECK_FALSE(pass());
  check_nothing_opens();
  api.broken.clear();
  REQUIRE(pass());
  CHECK(verdict_object()["spec"]["ended"]["reason"] == "Suspended");
}

TEST_CASE_METHOD(RequestScene, "who was refused at the start of the window stays out",
                 "[controllers]") {
  api.edit("accessrequests/ssh", {{"spec", {{"startAt", format_rfc3339(clock.now() + 1h)}}}});
  REQUIRE(pass());
  REQUIRE(pass());
  REQUIRE(state() == "Scheduled");
  clock.advance(1h);
  REQUIRE(policy_pass());
  REQUIRE(group_pass());
  api.broken = {write_end};
  api.allows = false;
  CHECK_FALSE(pass());
  api.allows = true;
  CHECK_FALSE(pass());
  check_nothing_opens();
  api.broken.clear();
  REQUIRE(pass());
  CHECK(verdict_object()["spec"]["ended"]["reason"] == "NotAuthorized");
}

}  // namespace
}  // namespace portcullis::controllers
