#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// Two grants of one requester, by verdicts that no decision of this process made.
struct TwoGrants : RequestScene {
  TwoGrants() { allow(2); }

  void allow(int number) {
    api.edit("jitpolicies/prod-ssh", {{"spec", {{"limits", {{"activePerRequester", number}}}}},
                                      {"metadata", {{"generation", ++generation}}}});
    REQUIRE(policy_pass());
    REQUIRE(group_pass());
    REQUIRE(policy_pass());
  }

  int generation = 1;

  void slip_through() {
    clock.advance(1s);
    json second = held(request());
    second["metadata"]["name"] = "second";
    second["metadata"]["uid"] = "second";
    second["spec"]["sources"] = {"203.0.113.9/32"};
    api.objects["accessrequests/second"] = second;
    json copy = verdict_object();
    copy["metadata"]["name"] = "second";
    copy["metadata"]["uid"] = "verdict-second";
    copy["metadata"]["creationTimestamp"] = format_rfc3339(clock.now());
    copy["spec"]["requestRef"] = {{"name", "second"}, {"uid", "second"}};
    copy["spec"]["sources"] = {"203.0.113.9/32"};
    api.objects["accessverdicts/second"] = copy;
    api.deliver(world);
  }

  bool lets_in(const char* source) const {
    const auto wanted = *model::parse_prefix(source);
    return std::ranges::any_of(cloud.groups.at(key).rules, [&](const auto& rule) {
      const auto& prefixes = rule.source.prefixes;
      return rule.access == model::Access::allow &&
             std::ranges::find(prefixes, wanted) != prefixes.end();
    });
  }
  json& second() { return api.objects.at("accessrequests/second"); }
  json& ended() { return api.objects.at("accessverdicts/second")["spec"]["ended"]; }
};

TEST_CASE_METHOD(TwoGrants, "a grant that slipped past a limit is not opened, and ends for good",
                 "[controllers]") {
  allow(1);
  open();
  slip_through();
  SECTION("its group is looked at first") {
    group_pass();
    REQUIRE(kinds() == Kinds{"open", "lock", "foreign"});
    CHECK_FALSE(lets_in("203.0.113.9/32"));
  }
  SECTION("its request is looked at first") {}
  REQUIRE(pass("second"));
  REQUIRE(pass("second"));
  CHECK(ended()["reason"] == "LimitExceeded");
  CHECK(ended()["message"].get<std::string>().find("has 1 live requests (\"ssh\"), the policy "
                                                   "allows 1") != std::string::npos);
  REQUIRE(group_pass());
  REQUIRE(pass("second"));
  CHECK(second()["status"]["state"] == "Revoked");
  CHECK_FALSE(lets_in("203.0.113.9/32"));
  REQUIRE(pass());
  CHECK(state() == "Active");

  // The first one ends: there would be room for it now.
  clock.advance(10min - 2s);
  REQUIRE(pass());
  REQUIRE(pass("second"));
  group_pass();
  CHECK_FALSE(lets_in("203.0.113.9/32"));
}

TEST_CASE_METHOD(TwoGrants, "a limit that is lowered ends the youngest beyond it",
                 "[controllers]") {
  open();
  slip_through();
  REQUIRE(pass("second"));
  REQUIRE(group_pass());
  REQUIRE(pass("second"));
  REQUIRE(second()["status"]["state"] == "Active");
  REQUIRE(lets_in("203.0.113.9/32"));
  allow(1);
  REQUIRE(pass("second"));
  REQUIRE(group_pass());
  REQUIRE(pass("second"));
  CHECK(second()["status"]["state"] == "Revoked");
  CHECK_FALSE(lets_in("203.0.113.9/32"));
  CHECK(lets_in("203.0.113.7/32"));
}

TEST_CASE_METHOD(TwoGrants, "one that was given back leaves room for the next", "[controllers]") {
  allow(1);
  open();
  api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
  api.deliver(world);
  slip_through();
  REQUIRE(pass("second"));
  REQUIRE(group_pass());
  REQUIRE(pass("second"));
  CHECK(second()["status"]["state"] == "Active");
}

}  // namespace
}  // namespace portcullis::controllers
