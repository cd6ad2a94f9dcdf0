#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// An installation in another namespace decided; this one may not obey, and has to tidy up.
struct Foreign : RequestScene {
  Foreign() { open(); }

  void take_over() {
    verdict_object()["spec"]["by"] = "system:serviceaccount:elsewhere:portcullis";
    restart();
  }

  bool is_recorded() const { return is_decided(); }

  void passes(int count) {
    for (int i = 0; i < count; ++i) {
      REQUIRE(pass());
      REQUIRE(group_pass());
    }
  }

  /// What it left open stays until its own end.
  void keep_orphans() { api.edit("cloudaccounts/prod", {{"spec", {{"orphans", "Report"}}}}); }
};

TEST_CASE_METHOD(Foreign, "what another installation granted is no longer said to be open",
                 "[controllers]") {
  take_over();
  passes(3);
  CHECK_FALSE(is_open());
  CHECK(state() == "Pending");
  CHECK(condition("Ready")["status"] == "False");
  CHECK(message().find("delete the request and apply it again") != std::string::npos);
}

TEST_CASE_METHOD(Foreign, "what another installation finished stays as it was said",
                 "[controllers]") {
  clock.advance(10min);
  passes(2);
  REQUIRE(state() == "Expired");
  const json status = asked()["status"];
  take_over();
  passes(3);
  CHECK(asked()["status"] == status);
  CHECK(is_recorded());
}

TEST_CASE_METHOD(Foreign, "another installation's record goes with its request, after its time",
                 "[controllers]") {
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"retainFor", "2h"}}}});
  verdict_object()["spec"]["retainFor"] = "2h";
  take_over();
  passes(2);
  SECTION("somebody deletes the request") { api.remove("accessrequests/ssh"); }
  SECTION("the request's own time is over, too") { clock.advance(10min + 2h); }
  passes(3);
  REQUIRE_FALSE(is_held());
  clock.advance(10min + 2h);
  passes(3);
  CHECK_FALSE(is_recorded());
}

TEST_CASE_METHOD(Foreign, "another installation's record stays for its time", "[controllers]") {
  take_over();
  passes(2);
  api.remove("accessrequests/ssh");
  passes(3);
  REQUIRE_FALSE(is_held());
  clock.advance(2h);
  passes(2);
  CHECK(is_recorded());
}

TEST_CASE_METHOD(Foreign, "another installation's record that is deleted goes when it is closed",
                 "[controllers]") {
  keep_orphans();
  take_over();
  REQUIRE(group_pass());
  const bool has_request = GENERATE(true, false);
  if (!has_request) api.objects.erase("accessrequests/ssh");
  api.remove("accessverdicts/request");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(pass());
    REQUIRE(group_pass());
    CHECK(is_open());
    CHECK(is_recorded());
  }
  clock.advance(61min);
  passes(4);
  CHECK_FALSE(is_open());
  // Whoever still waits is decided about: too late.
  CHECK(is_recorded() == has_request);
  if (has_request) CHECK(state() == "TimedOut");
}

TEST_CASE_METHOD(Foreign, "nothing is written into another installation's record",
                 "[controllers]") {
  take_over();
  api.objects.erase("accessrequests/ssh");
  const json before = verdict_object();
  passes(3);
  CHECK_FALSE(is_open());
  CHECK(verdict_object() == before);
}

}  // namespace
}  // namespace portcullis::controllers
