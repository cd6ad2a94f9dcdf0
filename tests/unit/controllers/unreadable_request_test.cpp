#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// A grant that is open, and whose request a newer version wrote anew.
struct Unreadable : RequestScene {
  json readable;

  Unreadable() {
    open();
    readable = asked();
    asked()["spec"]["duration"] = "later";
  }

  void look() {
    REQUIRE(pass());
    REQUIRE(world.stores.requests.poisoned().contains("team-a/ssh"));
    group_pass();
  }
};

TEST_CASE_METHOD(Unreadable, "a request that cannot be read ends nothing", "[controllers]") {
  look();
  CHECK(is_open());
  CHECK_FALSE(verdict_object()["spec"].contains("ended"));
  SECTION("then or in a new process") {
    restart();
    look();  // reads the machine
    look();
    CHECK(is_open());
  }
  asked() = readable;
  REQUIRE(pass());
  CHECK(state() == "Active");
  REQUIRE(group_pass());
  CHECK(is_open());
}

TEST_CASE_METHOD(Unreadable, "what is granted to a request that cannot be read still closes",
                 "[controllers]") {
  std::string said = "Revoked";
  SECTION("by its time") {
    clock.advance(10min);
    said = "Expired";
  }
  SECTION("by a suspension") { api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", true}}}}); }
  SECTION("by a Revoke") { say("Revoke", "bob"); }
  SECTION("by its deletion, in the end") { api.objects.erase("accessrequests/ssh"); }
  REQUIRE(pass());
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  CHECK(verdict_object()["spec"].contains("ended") == (said == "Revoked"));
  if (!is_held()) return;
  asked() = readable;
  REQUIRE(pass());
  CHECK(state() == said);
}

TEST_CASE_METHOD(Unreadable, "the record of a grant outlives its request's being unreadable",
                 "[controllers]") {
  const json record = verdict_object();
  for (int day = 0; day < 6; ++day) {
    look();
    clock.advance(24h);
  }
  REQUIRE(is_decided());
  CHECK(verdict_object() == record);
  asked() = readable;
  for (int i = 0; i < 3; ++i) {
    group_pass();
    REQUIRE(pass());
  }
  CHECK(state() == "Expired");
  CHECK(verdict_object()["spec"] == record["spec"]);  // granted once
  check_nothing_opens();
}

}  // namespace
}  // namespace portcullis::controllers
