// Lapses that come, go, and are not looked at; and what is asked around them.

#include <fstream>

#include "guard_scene.hpp"

namespace portcullis::controllers {
namespace {

const json audit = {{{"op", "replace"}, {"path", "/validationActions"}, {"value", {"Audit"}}}};
const json deny = {{{"op", "replace"}, {"path", "/validationActions"}, {"value", {"Deny"}}}};

TEST_CASE_METHOD(GuardScene, "with whole guards nothing is held back", "[controllers][guard]") {
  start();
  CHECK(holds());
  CHECK(world.guard.told);
  CHECK(problem().empty());
  CHECK(trusts(clock.now()));
  pass(1h);
  CHECK(holds());
  CHECK(trusts(clock.now() - 1h));
}

TEST_CASE_METHOD(GuardScene, "a lapse between two looks at the stream is a lapse",
                 "[controllers][guard]") {
  start_whole();
  pass(30s);
  const TimePoint asked = clock.now();
  api.hold();

  SECTION("edited and put right") {
    api.change(create_binding, audit);
    api.change(create_binding, deny);
  }
  SECTION("deleted and made again") {
    const json whole = api.objects.at(create_binding)["spec"];
    api.remove(create_binding);
    api.install(create_binding, whole);
  }
  clock.advance(2s);
  api.release();
  settle();
  CHECK(holds());
  CHECK_FALSE(trusts(asked));
  CHECK(world.guard.distrust_before == clock.now() + guard_settles);
  CHECK(trusts(clock.now() + guard_settles));
}

TEST_CASE_METHOD(GuardScene, "a lapse that a hanging watch hides is found by the next reading",
                 "[controllers][guard]") {
  start_whole();
  api.hangs = true;
  pass(10s);
  const TimePoint asked = clock.now();
  api.change(create_binding, audit);

  SECTION("while it lasts") {
    pass(60s);
    CHECK_FALSE(holds());
    CHECK_THAT(problem(), Catch::Contains("spec.validationActions"));
  }
  SECTION("also when it is over: the generation moved") {
    api.change(create_binding, deny);
    pass(60s);
    CHECK(holds());
    CHECK_FALSE(trusts(asked));
  }
  SECTION("also when it is over: it is another object") {
    const json whole = api.objects.at(stamp)["spec"];
    api.change(create_binding, deny);
    api.remove(stamp);
    api.install(stamp, whole);
    pass(60s);
    CHECK(holds());
    CHECK_FALSE(trusts(asked));
  }
}

TEST_CASE_METHOD(GuardScene,
                 "what an operator did not see begins when the guards were last written",
                 "[controllers][guard]") {
  const TimePoint installed = clock.now() - 10min;

  SECTION("they were made long ago") {
    start_whole();
    CHECK(world.guard.distrust_before == installed + guard_settles);
  }
  SECTION("one was made again") {
    clock.advance(1min);
    api.install(create_binding, api.objects.at(create_binding)["spec"]);
    const TimePoint again = clock.now();
    clock.advance(1min);
    start_whole();
    CHECK(world.guard.distrust_before == again + guard_settles);
  }
  SECTION("one was edited") {
    api.objects.at(create_binding)["metadata"]["managedFields"].push_back(
        {{"manager", "kubectl-edit"}, {"time", format_rfc3339(clock.now() - 1min)}});
    start_whole();
    CHECK(world.guard.distrust_before == clock.now() - 1min + guard_settles);
  }
  SECTION("the server wrote into a status") {
    api.objects.at(create_check)["metadata"]["managedFields"].push_back(
        {{"manager", "kube-controller-manager"},
         {"subresource", "status"},
         {"time", format_rfc3339(clock.now() - 1min)}});
    start_whole();
    CHECK(world.guard.distrust_before == installed + guard_settles);
  }
}

TEST_CASE_METHOD(GuardScene, "a lapse while no operator ran is found by the next one",
                 "[controllers][guard]") {
  const TimePoint installed = clock.now() - 10min;
  start_whole();
  end();
  clock.advance(1min);
  const TimePoint asked = clock.now();
  const json whole = api.objects.at(create_binding)["spec"];

  SECTION("there was none") {
    clock.advance(1min);
    start_whole();
    CHECK(world.guard.distrust_before == installed + guard_settles);
    CHECK(trusts(asked));
    return;
  }
  SECTION("edited and put right, which leaves no time") {
    api.change(create_binding, audit);
    api.change(create_binding, deny);
  }
  SECTION("the same, and nobody left a record") {
    api.lease.reset();
    api.change(create_binding, audit);
    api.change(create_binding, deny);
  }
  SECTION("the same, and the record cannot be read") {
    api.lease_allowed = false;
    api.change(create_binding, audit);
    api.change(create_binding, deny);
  }
  SECTION("deleted and made again") {
    api.remove(create_binding);
    api.install(create_binding, whole);
  }
  SECTION("the record is not one") {
    (*api.lease)["metadata"]["annotations"]["portcullis.dev/guards"] = "nonsense";
  }
  clock.advance(1min);
  start();
  CHECK(holds());
  CHECK_FALSE(trusts(asked));
  CHECK(world.guard.distrust_before == clock.now() + guard_settles);
}

TEST_CASE_METHOD(GuardScene, "what an operator saw the next one knows", "[controllers][guard]") {
  start_whole();

  SECTION("a lapse that was over") {
    api.change(create_binding, audit);
    settle();
    api.change(create_binding, deny);
    pass(2s);
    REQUIRE(holds());
    const TimePoint trusted = world.guard.distrust_before;
    end();
    clock.advance(1h);
    start_whole();
    CHECK(world.guard.distrust_before == trusted);
  }
  SECTION("a lapse that left no trace in any object") {
    api.works = false;
    pass(61s);
    REQUIRE_FALSE(holds());
    const TimePoint asked = clock.now();
    end();
    api.works = true;
    clock.advance(1min);
    start();
    CHECK(holds());
    CHECK_FALSE(trusts(asked));
  }
}

TEST_CASE_METHOD(GuardScene, "nothing holds before it is known what the last operator saw",
                 "[controllers][guard]") {
  api.answers = false;
  start();
  pass(10s);
  CHECK_FALSE(holds());
  CHECK_THAT(problem(), Catch::Contains("connection refused"));
  api.answers = true;
  pass(2s);
  CHECK(holds());
}

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

TEST_CASE_METHOD(GuardScene, "what nobody installed is missed", "[controllers][guard]") {
  api.objects.clear();
  api.works = false;
  start();
  CHECK_FALSE(holds());
  CHECK_THAT(problem(), Catch::Contains("does not exist"));
  for (const auto& [name, spec] : shipped_guards(me)) api.install(name, spec);
  api.works = true;
  pass(1s);
  CHECK(holds());
  CHECK(world.guard.distrust_before > clock.now());
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

TEST_CASE_METHOD(GuardScene, "accounts and undecided requests hear of it", "[controllers][guard]") {
  start_whole();
  const auto heard = [this](runtime::Workqueue& queue, const std::string& who) {
    test::Outcome<std::optional<std::string>> taken;
    test::start(io, queue.take(), taken);
    settle();
    REQUIRE(taken.value);
    CHECK(*taken.value == who);
    queue.done(who);
    CHECK(queue.idle());
  };
  for (const bool changes : {false, true, true}) {
    if (changes) api.change(create_binding, holds() ? audit : deny);
    settle();
    heard(world.request_queue, "team-a/ssh");
    heard(world.account_queue, "prod");
  }
}

TEST_CASE_METHOD(GuardScene, "it ends when it is told to", "[controllers][guard]") {
  start_whole();
  guard->stop();
  server.close();
  settle();
  CHECK(clock.sleepers() == 0);
}

TEST_CASE("each shipped object is known, under the operator's own name", "[controllers][guard]") {
  std::ifstream file(PORTCULLIS_SOURCE_DIR "/manifests/admission/kustomization.yaml");
  const std::string listed{std::istreambuf_iterator<char>(file), {}};
  std::size_t resources = 0;
  for (std::size_t at = 0; (at = listed.find("\n- ", at)) != std::string::npos; ++at) ++resources;
  CHECK(guard_manifests().size() == resources);

  const std::string name = "system:serviceaccount:jit:portcullis";
  int policies = 0;
  int bindings = 0;
  int named = 0;
  for (const auto& [guard, spec] : shipped_guards(name)) {
    const bool binds = spec.contains("policyName");
    (binds ? bindings : policies) += 1;
    if (binds) CHECK(spec["policyName"] == guard.name);
    CHECK(guard.name.starts_with("portcullis-"));
    for (const json& variable : spec.value("variables", json::array())) {
      if (variable["name"] != "operator") continue;
      CHECK(variable["expression"] == "'" + name + "'");
      ++named;
    }
  }
  CHECK(policies == bindings);
  CHECK(policies >= 16);
  CHECK(named >= 10);
  for (const std::string& text : guard_manifests()) CHECK(text.find(name) == std::string::npos);
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
