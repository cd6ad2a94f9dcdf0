#include "controllers/retention.hpp"

#include "controllers/usage.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

const std::string removal = "DELETE accessrequests/ssh";

/// A grant that was opened and has expired; its record is kept for two hours.
struct Fixture : RequestScene {
  Fixture() {
    api.edit("jitpolicies/prod-ssh", {{"spec", {{"retainFor", "2h"}}}});
    REQUIRE(policy_pass());
    open();
    clock.advance(10min);
    REQUIRE(group_pass());
    REQUIRE(pass());
    REQUIRE(state() == "Expired");
    api.writes.clear();
  }

  bool was_removed() const { return std::ranges::count(api.writes, removal) != 0; }
};

TEST_CASE_METHOD(Fixture,
                 "a finished request goes when its time as a record is over, and not before",
                 "[retention]") {
  const TimePoint over = world.stores.verdicts.find("team-a/request")->meta.created + 10min;
  auto next = pass();
  REQUIRE(next);
  CHECK((next->at == over + 2h));
  clock.advance(2h - 1s);
  REQUIRE(pass());
  CHECK_FALSE(was_removed());
  clock.advance(1s);

  SECTION("the process that closed it") {}
  SECTION("another process, which proves the closing anew") { restart(); }
  REQUIRE(pass());
  CHECK(was_removed());
  REQUIRE(is_held());  // by our finalizer
  REQUIRE(pass());
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK_FALSE(is_held());
  REQUIRE(pass());  // then its verdict
  REQUIRE(pass());
  CHECK_FALSE(is_decided());
}

TEST_CASE_METHOD(Fixture, "what a GitOps tool tracks stays", "[retention]") {
  clock.advance(3h);
  const auto [list, name] =
      GENERATE(table<const char*, const char*>({{"annotations", "argocd.argoproj.io/tracking-id"},
                                                {"labels", "app.kubernetes.io/instance"},
                                                {"labels", "kustomize.toolkit.fluxcd.io/name"},
                                                {"annotations", "meta.helm.sh/release-name"}}));
  api.edit("accessrequests/ssh", {{"metadata", {{list, {{name, "prod"}}}}}});
  const auto next = pass();
  REQUIRE(next);
  CHECK_FALSE(was_removed());
  CHECK((next->at > clock.now()));
  CHECK(tracking_mark(asked()) == name);
  api.edit("accessrequests/ssh", {{"metadata", {{list, nullptr}}}});
  REQUIRE(pass());
  CHECK(was_removed());
}

TEST_CASE_METHOD(Fixture, "another request of the name is not removed in its place",
                 "[retention]") {
  clock.advance(3h);
  api.deliver(world);
  asked()["metadata"]["uid"] = "another";  // the cache still shows the old one
  const auto next = pass_unseen();
  INFO((next ? "" : next.error().message));
  REQUIRE(next);
  CHECK_FALSE(was_removed());
}

TEST_CASE_METHOD(Fixture, "a removal that fails is tried again", "[retention]") {
  clock.advance(3h);
  api.broken = {removal};
  CHECK_FALSE(pass());
  api.broken.clear();
  REQUIRE(pass());
  CHECK(std::ranges::count(api.writes, removal) == 2);
}

TEST_CASE("a record is kept from its end, or from its refusal", "[retention]") {
  model::AccessVerdict verdict;
  verdict.meta.created = TimePoint(1h);
  verdict.duration = 30min;
  verdict.retain_for = "1h";
  CHECK((kept_until(verdict, {}) == TimePoint(2h)));
  verdict.granted = true;
  CHECK((kept_until(verdict, {}) == TimePoint(2h + 30min)));
  const model::AccessVerdict::End early{
      .at = TimePoint(1h + 10min), .reason = "Suspended", .by = "", .message = ""};
  CHECK((kept_until(verdict, early) == TimePoint(2h + 10min)));
  verdict.retain_for = "";
  CHECK((kept_until(verdict, {}) == TimePoint(1h + 30min + 168h)));
}

TEST_CASE_METHOD(Fixture, "a verdict stays as long as a limit counts it, though its request goes",
                 "[retention]") {
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"limits", {{"totalDuration", "15m"}}}}}});
  const TimePoint over = world.stores.verdicts.find("team-a/request")->meta.created + 10min;
  const auto look = [&] {
    policy_pass();
    for (int i = 0; i < 4; ++i) {
      pass();
      group_pass();
    }
  };
  clock.advance(over + 2h - clock.now());
  look();
  CHECK_FALSE(is_held());
  CHECK(is_decided());

  json again = held(request());
  again["metadata"]["name"] = "again";
  again["metadata"]["uid"] = "request-2";
  api.objects["accessrequests/again"] = again;
  REQUIRE(pass("again"));
  CHECK(api.objects.at("accessverdicts/request-2")["spec"]["reason"] == "LimitExceeded");

  clock.advance(over + 24h - clock.now());
  look();
  CHECK_FALSE(is_decided());
}

TEST_CASE_METHOD(Fixture, "one that was sent and never seen counts until its time is over",
                 "[retention]") {
  const auto policy = world.stores.policies.find("team-a/prod-ssh");
  auto lost = *world.stores.verdicts.find("team-a/request");
  lost.meta.name = lost.request_uid = "request-2";
  lost.meta.created = clock.now();
  const auto usage = [&] {
    return usage_of(world, {{"request-2", lost}}, *world.stores.requests.find("team-a/ssh"),
                    *policy);
  };
  lost.requester = "ann";
  CHECK(usage().active_of_requester == 1);
  clock.advance(10min);
  CHECK(usage().active_of_requester == 0);
}

}  // namespace
}  // namespace portcullis::controllers
