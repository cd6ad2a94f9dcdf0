#include "guard_scene.hpp"

namespace portcullis::controllers {
namespace {

TEST_CASE_METHOD(GuardScene, "guards that are back must be proven to work before they count",
                 "[controllers][guard]") {
  start_whole();
  api.change(create_binding, audit);
  settle();
  REQUIRE_FALSE(holds());
  api.works = false;
  api.change(create_binding, deny);
  settle();
  CHECK_FALSE(holds());
  CHECK_THAT(problem(), Catch::Contains("a request without the verb was let in"));
  pass(10s);
  api.works = true;
  pass(1s);
  CHECK(holds());
  CHECK(world.guard.distrust_before == clock.now() + guard_settles);
}

TEST_CASE_METHOD(GuardScene, "whole objects that do not work are no guards",
                 "[controllers][guard]") {
  start_whole();
  api.works = false;
  pass(60s);
  CHECK_FALSE(holds());
  const TimePoint asked = clock.now();
  api.works = true;
  pass(1s);
  CHECK(holds());
  CHECK_FALSE(trusts(asked));
}

TEST_CASE_METHOD(GuardScene, "an API server that does not answer is believed for a while",
                 "[controllers][guard]") {
  start_whole();
  const TimePoint trusted = world.guard.distrust_before;
  api.answers = false;
  api.hangs = true;
  pass(80s);
  CHECK(holds());

  SECTION("and it is back in time") {
    api.answers = true;
    pass(60s);
    CHECK(holds());
    CHECK(world.guard.distrust_before == trusted);
  }
  SECTION("but not for longer") {
    pass(75s);
    CHECK_FALSE(holds());
    CHECK_THAT(problem(),
               Catch::Contains("could not be read: ") && Catch::Contains("connection refused"));
    const TimePoint asked = clock.now();
    api.answers = true;
    pass(5s);
    CHECK(holds());
    CHECK_FALSE(trusts(asked));
  }
}

TEST_CASE_METHOD(GuardScene, "guards that may not be read prove nothing", "[controllers][guard]") {
  api.readable = false;
  start();
  pass(10s);
  CHECK_FALSE(holds());
  CHECK(world.guard.told);
  CHECK_THAT(problem(), Catch::Contains("validatingadmissionpolicies: cannot list resource"));
  api.readable = true;
  pass(60s);
  CHECK(holds());
}

TEST_CASE_METHOD(GuardScene, "guards that cannot be watched do not hold", "[controllers][guard]") {
  server.serve_stream = [](const net::Request&) -> Result<test::ScriptedStreamPtr> {
    return fail(Error::Kind::forbidden, "cannot watch resource");
  };
  start();
  CHECK_FALSE(holds());
  CHECK_FALSE(world.guard.told);  // the watches may need a moment
  CHECK(problem().empty());
  pass(2s);
  CHECK_FALSE(holds());
  CHECK(world.guard.told);
  CHECK_THAT(problem(), Catch::Contains("cannot be watched yet"));
}

TEST_CASE_METHOD(GuardScene, "without stamps the truth is told, and the guards hold",
                 "[controllers][guard]") {
  api.mutating = false;
  api.user.extra = {{"authentication.kubernetes.io/credential-id", {"JTI=1"}},
                    {"example.org/team", {"red"}}};
  start();
  CHECK(holds());
  REQUIRE(api.probes.size() == 2);
  CHECK(api.probes[0]["spec"]["requester"] == json{{"username", me},
                                                   {"uid", "me-1"},
                                                   {"groups", {"system:authenticated"}},
                                                   {"extra", {{"example.org/team", {"red"}}}}});
  CHECK(api.probes[1]["spec"]["requester"]["username"] == "portcullis:forged");

  SECTION("their lapse is seen like any") {
    api.change(create_binding, audit);
    settle();
    CHECK_FALSE(holds());
  }
  SECTION("when the server learns to stamp, the stamps are missed") {
    for (const GuardName& name : {stamp, stamp_binding}) api.objects.erase(name);
    api.mutating = true;
    pass(60s);
    CHECK_FALSE(holds());
    CHECK_THAT(problem(), Catch::Contains("MutatingAdmissionPolicy \"portcullis-stamp-requester\" "
                                          "does not exist"));
  }
}

TEST_CASE("only what the guards themselves answer says something about them",
          "[controllers][guard]") {
  const auto refused = [](const std::string& words) {
    return fail({.kind = Error::Kind::forbidden, .message = words, .status = 403});
  };
  const std::string by_us = "ValidatingAdmissionPolicy 'portcullis-request-create' denied: ";
  using Answer = Result<json>;
  CHECK(judge_denied(Answer(refused(by_us + "lacks the verb"))).problem.empty());
  CHECK_FALSE(judge_denied(Answer(refused(by_us + "lacks the verb"))).unanswered);
  CHECK_FALSE(judge_denied(Answer(json::object())).problem.empty());
  CHECK_FALSE(judge_denied(Answer(refused(by_us + "other words"))).problem.empty());
  CHECK(judge_denied(Answer(refused("cannot create resource"))).unanswered);
  CHECK(judge_denied(Answer(fail(Error::Kind::invalid, "schema"))).unanswered);

  const json stamped = {{"spec", {{"requester", {{"username", me}}}}}};
  const json forged = {{"spec", {{"requester", {{"username", "portcullis:forged"}}}}}};
  CHECK(judge_forged(Answer(stamped), me).problem.empty());
  CHECK_THAT(judge_forged(Answer(forged), me).problem, Catch::Contains("portcullis:forged"));
  CHECK_FALSE(judge_forged(Answer(json::object()), me).problem.empty());
  CHECK(
      judge_forged(Answer(refused(by_us + "spec.requester.username must be")), me).problem.empty());
  CHECK(judge_forged(Answer(refused("by another policy")), me).unanswered);
}

}  // namespace
}  // namespace portcullis::controllers
