#include "controllers/guard_spec.hpp"
#include "guard_scene.hpp"

namespace portcullis::controllers {
namespace {

struct Weakening {
  const char* what;
  GuardName name;
  json patch;         ///< RFC 6902, of the spec
  const char* words;  ///< of the message
};

json add(const char* path, const json& value) {
  return {{{"op", "add"}, {"path", path}, {"value", value}}};
}
json drop(const char* path) { return {{{"op", "remove"}, {"path", path}}}; }

const json elsewhere = {
    {"matchExpressions",
     {{{"key", "kubernetes.io/metadata.name"}, {"operator", "NotIn"}, {"values", {"team-a"}}}}}};
const json all_of_team_a = {
    {{"apiGroups", {"*"}}, {"apiVersions", {"*"}}, {"operations", {"*"}}, {"resources", {"*"}}}};

std::vector<Weakening> weakenings() {
  const json never = {{{"name", "never"}, {"expression", "false"}}};
  return {
      {"a binding that only audits", create_binding, add("/validationActions", {"Audit"}),
       R"(spec.validationActions is ["Audit"] instead of ["Deny"])"},
      {"a binding that only warns", create_binding, add("/validationActions", {"Warn"}),
       "spec.validationActions"},
      {"a binding to another policy", create_binding, add("/policyName", "portcullis-status"),
       R"(spec.policyName is "portcullis-status" instead of "portcullis-request-create")"},
      {"a binding that leaves namespaces out", create_binding,
       add("/matchResources", {{"namespaceSelector", elsewhere}}), "spec.matchResources was added"},
      {"a binding that leaves objects out", create_binding,
       add("/matchResources", {{"objectSelector", {{"matchLabels", {{"guard", "yes"}}}}}}),
       "spec.matchResources was added"},
      {"a binding that leaves resources out", create_binding,
       add("/matchResources", {{"excludeResourceRules", all_of_team_a}}),
       "spec.matchResources was added"},
      {"a binding for some resources", create_binding,
       add("/matchResources", {{"resourceRules", all_of_team_a}}), "spec.matchResources was added"},
      {"a binding with a parameter that may not exist", create_binding,
       add("/paramRef", {{"name", "none"}, {"parameterNotFoundAction", "Allow"}}),
       "spec.paramRef was added"},
      {"a policy with a parameter", create_check,
       add("/paramKind", {{"apiVersion", "v1"}, {"kind", "ConfigMap"}}),
       "spec.paramKind was added"},
      {"failures that let in", create_check, add("/failurePolicy", "Ignore"),
       R"(spec.failurePolicy is "Ignore" instead of "Fail")"},
      {"an expression that is always true", create_check, add("/validations/1/expression", "true"),
       "spec.validations[1].expression was changed"},
      {"a validation less", create_check, drop("/validations/1"), "spec.validations has "},
      {"no validations", create_check, drop("/validations"), "spec.validations was removed"},
      {"a condition that is never met", create_check, add("/matchConditions", never),
       "spec.matchConditions was added"},
      {"another operation", create_check,
       add("/matchConstraints/resourceRules/0/operations", {"UPDATE"}),
       R"(spec.matchConstraints.resourceRules[0].operations is ["UPDATE"] instead of ["CREATE"])"},
      {"another resource", create_check,
       add("/matchConstraints/resourceRules/0/resources", {"accessdecisions"}),
       "spec.matchConstraints.resourceRules[0].resources"},
      {"one version of the API", create_check,
       add("/matchConstraints/resourceRules/0/apiVersions", {"v1alpha1"}),
       "spec.matchConstraints.resourceRules[0].apiVersions"},
      {"some names", create_check, add("/matchConstraints/resourceRules/0/resourceNames", {"none"}),
       "spec.matchConstraints.resourceRules[0].resourceNames was added"},
      {"another scope", create_check, add("/matchConstraints/resourceRules/0/scope", "Cluster"),
       "spec.matchConstraints.resourceRules[0].scope was added"},
      {"no rules", create_check, drop("/matchConstraints/resourceRules/0"),
       "spec.matchConstraints.resourceRules has 0 entries instead of 1"},
      {"exact matches", create_check, add("/matchConstraints/matchPolicy", "Exact"),
       "spec.matchConstraints.matchPolicy was added"},
      {"namespaces left out by the policy", create_check,
       add("/matchConstraints/namespaceSelector", elsewhere),
       "spec.matchConstraints.namespaceSelector was added"},
      {"resources left out by the policy", create_check,
       add("/matchConstraints/excludeResourceRules", all_of_team_a),
       "spec.matchConstraints.excludeResourceRules was added"},
      {"another operator", create_check, add("/variables/0/expression", "'mallory'"),
       R"(spec.variables[0].expression is "'mallory'" instead of "'operator'")"},
      {"a variable of another meaning", create_check, add("/variables/1/expression", "'ann'"),
       "spec.variables[1].expression"},
      {"annotations for the audit", create_check,
       add("/auditAnnotations", {{{"key", "x"}, {"valueExpression", "'x'"}}}),
       "spec.auditAnnotations was added"},
      {"a field that nobody knows yet", create_binding, add("/sampling", {{"percent", 1}}),
       "spec.sampling was added"},
      {"a stamp of another name", stamp, add("/mutations/0/jsonPatch/expression", "[]"),
       "spec.mutations[0].jsonPatch.expression was changed"},
      {"no stamp", stamp, drop("/mutations/0"), "spec.mutations has 0 entries instead of 1"},
      {"a stamp that others may undo", stamp, add("/reinvocationPolicy", "Never"),
       R"(spec.reinvocationPolicy is "Never" instead of "IfNeeded")"},
      {"a stamp for some namespaces", stamp_binding,
       add("/matchResources", {{"namespaceSelector", elsewhere}}), "spec.matchResources was added"},
  };
}

TEST_CASE_METHOD(GuardScene, "each way to weaken a guard is seen at once and named",
                 "[controllers][guard]") {
  start_whole();
  for (const auto& [what, name, patch, words] : weakenings()) {
    CAPTURE(what);
    const json whole = api.objects.at(name)["spec"];
    api.change(name, patch);
    settle();
    CHECK_FALSE(holds());
    CHECK_THAT(problem(), Catch::Contains(to_text(name) + ": ") && Catch::Contains(words));
    const TimePoint seen = clock.now();
    pass(3s);
    CHECK_FALSE(holds());

    api.replace(name, whole);
    settle();
    CHECK(holds());
    CHECK_FALSE(trusts(seen));
    CHECK(world.guard.distrust_before == clock.now() + guard_settles);
  }
}

TEST_CASE_METHOD(GuardScene, "each shipped object is missed when it goes", "[controllers][guard]") {
  start_whole();
  for (const auto& [name, spec] : shipped_guards(me)) {
    CAPTURE(to_text(name));
    api.remove(name);
    settle();
    CHECK_FALSE(holds());
    CHECK_THAT(problem(), Catch::Contains(to_text(name) + " does not exist"));
    api.install(name, spec);
    settle();
    CHECK(holds());
    CHECK(world.guard.distrust_before == clock.now() + guard_settles);
    clock.advance(10s);
  }
}

TEST_CASE_METHOD(GuardScene, "what changes no rule is no lapse", "[controllers][guard]") {
  start_whole();
  const TimePoint trusted = world.guard.distrust_before;

  SECTION("defaults that the server fills in, also into a binding for everything") {
    api.change(create_binding, add("/matchResources", json::object()));
    // It is an edit all the same: nobody knows what stood there between two looks.
    settle();
    CHECK(holds());
    CHECK(world.guard.distrust_before == clock.now() + guard_settles);
    return;
  }
  SECTION("labels") {
    api.objects.at(create_binding)["metadata"]["labels"] = {{"team", "security"}};
    api.touch(create_binding);
  }
  SECTION("what the server says of types") {
    api.objects.at(create_check)["status"] = {{"observedGeneration", 1},
                                              {"typeChecking", json::object()}};
    api.touch(create_check);
  }
  SECTION("policies of others, whatever they say") {
    api.install({GuardKind::policy, "require-labels"}, {{"failurePolicy", "Ignore"}});
    api.install({GuardKind::binding, "portcullis-of-ours-too"},
                {{"policyName", "portcullis-status"}, {"validationActions", {"Audit"}}});
    api.remove({GuardKind::policy, "require-labels"});
  }
  settle();
  pass(90s);
  CHECK(holds());
  CHECK(world.guard.distrust_before == trusted);
}

TEST_CASE("texts are compared, not how a tool folded them", "[controllers][guard]") {
  const json shipped = {{"expression", "a &&\n  b == 'x y'"}};
  CHECK_FALSE(find_difference(shipped, {{"expression", "a && b == 'x y'\n"}}));
  CHECK(find_difference(shipped, {{"expression", "a && b == 'xy'"}}));
  // Where a line ends matters only after a comment; no shipped text has one.
  for (const auto& [name, spec] : shipped_guards(me)) {
    CHECK(spec.dump().find("//") == std::string::npos);
  }
}

}  // namespace
}  // namespace portcullis::controllers
