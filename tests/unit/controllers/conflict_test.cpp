#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// Beside the scene's policy an older one for the same machine and port; the scene's has an
/// exception.
struct TwoPolicies : RequestScene {
  static constexpr const char* older = "jitpolicies/strict";
  static constexpr const char* younger = "jitpolicies/prod-ssh";

  json strict() const {
    json object = held(policy());
    object["metadata"]["name"] = "strict";
    object["metadata"]["uid"] = "strict";
    object["metadata"]["creationTimestamp"] = format_rfc3339(clock.now() - 2h);
    return object;
  }
  json unreadable() const {
    json object = strict();
    object["spec"]["enforcement"] = "Later";
    return object;
  }
  void except() {
    json port = {{"port", 22}, {"protocol", "TCP"}, {"maxDuration", "1h"}};
    port["exceptions"] = {{{"sources", {"198.51.100.0/28"}}, {"reason", "bastion"}}};
    api.edit(younger, {{"spec", {{"ports", {port}}}}});
    REQUIRE(policy_pass());
  }
  bool has_keep() const { return std::ranges::count(kinds(), "keep") != 0; }
};

TEST_CASE_METHOD(TwoPolicies, "beside a policy that cannot be read no exception is made",
                 "[controllers]") {
  SECTION("of which nothing is known but that it is there") { api.objects[older] = unreadable(); }
  SECTION("which was read before") {
    api.objects[older] = strict();
    api.deliver(world);
    api.objects[older] = unreadable();
  }
  except();
  REQUIRE(group_pass());
  CHECK_FALSE(has_keep());
  api.objects.erase(older);
  api.deliver(world);
  REQUIRE(group_pass());
  CHECK(has_keep());
  // One that stands is not taken away: that would cut off a bastion.
  api.objects[older] = unreadable();
  api.deliver(world);
  REQUIRE(group_pass());
  CHECK(has_keep());
}

TEST_CASE_METHOD(TwoPolicies, "beside a policy that cannot be read nothing is granted",
                 "[controllers]") {
  SECTION("when it is decided") { api.objects[older] = unreadable(); }
  SECTION("while the authorizer is asked") {
    api.while_reviewed = [this] {
      api.objects[older] = unreadable();
      api.deliver(world);
    };
    CHECK_FALSE(pass());
  }
  REQUIRE(pass());
  CHECK_FALSE(is_decided());
  CHECK(state() == "Pending");
  CHECK(condition("Ready")["reason"] == "PolicyNotReady");
  CHECK(message().find("JitPolicy \"team-a/strict\" can be read") != std::string::npos);
  check_nothing_opens();

  api.while_reviewed = nullptr;
  api.objects[older] = strict();
  REQUIRE(policy_pass());
  REQUIRE(pass());
  CHECK_FALSE(is_decided());
  CHECK(message().find("\"team-a/strict\" is older") != std::string::npos);
  api.objects.erase(older);
  REQUIRE(policy_pass());
  open();
}

TEST_CASE_METHOD(TwoPolicies, "what an older policy claims is not opened by a younger one",
                 "[controllers]") {
  REQUIRE(pass());
  REQUIRE(is_decided());
  json older_one = strict();
  SECTION("with the same port") {}
  SECTION("unless it is about another port") { older_one["spec"]["ports"][0]["port"] = 3389; }
  SECTION("unless its account gives it nothing") { older_one["metadata"]["namespace"] = "team-b"; }
  const bool claims =
      older_one["spec"]["ports"][0]["port"] == 22 && older_one["metadata"]["namespace"] == "team-a";
  api.objects[older] = older_one;
  api.deliver(world);
  world.coming.settle("request");             // as the event of its verdict does
  CHECK(group_pass().has_value() != claims);  // nobody has looked at the policies yet
  CHECK(is_open() != claims);
  REQUIRE(pass());
  CHECK(verdict_object()["spec"].contains("ended") == claims);
  if (claims) check_nothing_opens();
}

TEST_CASE_METHOD(TwoPolicies,
                 "what is open under a younger policy ends when an older one claims it",
                 "[controllers]") {
  open();
  api.objects[older] = strict();
  REQUIRE(pass());
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  CHECK(state() == "Revoked");
  CHECK(condition("Ready")["reason"] == "Conflict");
  CHECK(message().find("JitPolicy \"team-a/strict\" is older") != std::string::npos);
}

}  // namespace
}  // namespace portcullis::controllers
