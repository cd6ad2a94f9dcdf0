// Lapses that come, go, and are not looked at; and what is asked around them.

#include <fstream>

#include "guard_scene.hpp"

namespace portcullis::controllers {
namespace {

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

}  // namespace
}  // namespace portcullis::controllers
