#include "plan/decision.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "plan/reasons.hpp"
#include "plan/terms.hpp"

using namespace std::chrono_literals;

namespace portcullis::plan {
namespace {

const TimePoint t0 = *parse_rfc3339("2026-11-22T12:00:00Z");

/// A request that the policy grants; each row of the table breaks one thing.
struct Scene {
  model::CloudAccount account;
  model::JitPolicy policy;
  model::AccessRequest request;
  std::vector<TargetState> targets;
  bool has_policy = true;
  bool has_account = true;
  bool targets_current = true;
  Usage usage{};
  std::vector<std::string> denied_by{};
  TimePoint now = t0 + 1s;

  Scene() {
    account.meta.name = "prod";
    account.access = {{.namespaces = {"team-a"}, .resource_groups = {"web"}}};
    policy.meta = {
        .ns = "team-a", .name = "prod-ssh", .uid = "p", .generation = 1, .created = t0 - 1h};
    policy.account = "prod";
    policy.enforce = true;
    policy.targets = {{.resource_group = "web", .name = "web-1"}};
    policy.ports = {{.range = {22, 22},
                     .protocol = model::Protocol::tcp,
                     .max_duration = 1h,
                     .allowed_sources = {*model::parse_prefix("203.0.113.0/24")}}};
    policy.max_ahead = 24h;
    request.meta = {.ns = "team-a", .name = "ssh", .uid = "r", .generation = 1, .created = t0};
    request.policy = "prod-ssh";
    request.targets = {"web-1"};
    request.ports = {{.range = {22, 22}, .protocol = model::Protocol::tcp}};
    request.sources = {*model::parse_prefix("203.0.113.7/32")};
    request.duration = 45min;
    request.requester = model::Identity{.username = "alice"};
    targets = {machine("web-1", "web")};
  }

  static TargetState machine(const std::string& name, const std::string& group) {
    TargetState target;
    target.state = TargetState::State::locked;
    target.machine.id = "/subscriptions/s/resourceGroups/" + group +
                        "/providers/Microsoft.Compute/virtualMachines/" + name;
    target.machine.vm_id = "vm-" + name;
    target.machine.name = name;
    target.machine.resource_group = group;
    target.machine.paths = {{.address = *model::parse_prefix("10.0.0.4")}};
    return target;
  }

  Decision decide() const {
    return plan::decide({.request = request,
                         .policy = has_policy ? &policy : nullptr,
                         .account = has_account ? &account : nullptr,
                         .targets = targets,
                         .targets_current = targets_current,
                         .usage = usage,
                         .denied_by = denied_by,
                         .now = now});
  }
};

struct Row {
  const char* what;
  std::function<void(Scene&)> change;
  Decision::Kind kind;
  const char* reason;
  std::vector<const char*> words;  ///< all of them in the message: both values, and the way out
};

constexpr auto refuse = Decision::Kind::refuse;
constexpr auto wait = Decision::Kind::wait;

std::vector<Row> rows() {
  return {
      {"nobody asks",
       [](Scene& s) { s.request.requester = model::Identity{.username = ""}; },
       refuse,
       reason::requester_unknown,
       {"spec.requester.username"}},
      {"given back", [](Scene& s) { s.request.revoke = true; }, refuse, reason::withdrawn, {}},
      {"being deleted",
       [](Scene& s) { s.request.meta.deleting = true; },
       refuse,
       reason::withdrawn,
       {}},
      {"too late",
       [](Scene& s) { s.now = t0 + 16min; },
       refuse,
       reason::timed_out,
       {"2026-11-22T12:15:00Z"}},
      {"policy missing",
       [](Scene& s) { s.has_policy = false; },
       wait,
       reason::policy_not_found,
       {"prod-ssh", "team-a"}},
      {"policy missing for an hour",
       [](Scene& s) {
         s.has_policy = false;
         s.now = t0 + 61min;
       },
       refuse,
       reason::timed_out,
       {"2026-11-22T13:00:00Z"}},
      {"the asked machine is not locked for more than the usual time",
       [](Scene& s) {
         s.targets[0].state = TargetState::State::bypassed;
         s.now = t0 + 60min;
       },
       wait,
       reason::policy_not_ready,
       {"web-1", "Bypassed"}},
      {"the asked machine is not locked for an hour",
       [](Scene& s) {
         s.targets[0].state = TargetState::State::bypassed;
         s.now = t0 + 61min;
       },
       refuse,
       reason::timed_out,
       {"2026-11-22T13:00:00Z"}},
      {"another machine is not locked",
       [](Scene& s) {
         s.targets.push_back(Scene::machine("web-2", "web"));
         s.targets[1].state = TargetState::State::bypassed;
         s.now = t0 + 16min;
       },
       refuse,
       reason::timed_out,
       {"2026-11-22T12:15:00Z"}},
      {"policy going",
       [](Scene& s) { s.policy.meta.deleting = true; },
       refuse,
       reason::policy_deleted,
       {}},
      {"policy younger than the request",
       [](Scene& s) { s.policy.meta.created = t0 + 1s; },
       refuse,
       reason::older_than_policy,
       {"2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z"}},
      {"suspended", [](Scene& s) { s.policy.suspend = true; }, refuse, reason::suspended, {}},
      {"account missing",
       [](Scene& s) { s.has_account = false; },
       wait,
       reason::account_not_found,
       {"prod"}},
      {"account frozen",
       [](Scene& s) { s.account.freeze = true; },
       refuse,
       reason::frozen,
       {"prod"}},
      {"namespace not served",
       [](Scene& s) { s.account.access[0].namespaces = {"team-b"}; },
       refuse,
       reason::namespace_not_allowed,
       {"team-a", "spec.access"}},
      {"service account",
       [](Scene& s) {
         s.request.requester = model::Identity{.username = "system:serviceaccount:team-a:bot"};
       },
       refuse,
       reason::service_account_refused,
       {"system:serviceaccount:team-a:bot"}},
      {"extends", [](Scene& s) { s.request.extends = true; }, refuse, reason::not_supported, {}},
      {"break-glass",
       [](Scene& s) { s.request.break_glass = true; },
       refuse,
       reason::not_supported,
       {}},
      {"unknown machine",
       [](Scene& s) { s.request.targets = {"web-9"}; },
       refuse,
       reason::target_not_in_policy,
       {"web-9", "web/web-1"}},
      {"machine of two groups",
       [](Scene& s) { s.targets.push_back(Scene::machine("web-1", "web2")); },
       refuse,
       reason::ambiguous_target,
       {"web-1", "2"}},
      {"other port",
       [](Scene& s) { s.request.ports = {{.range = {3389, 3389}}}; },
       refuse,
       reason::port_not_in_policy,
       {"3389/TCP", "22/TCP"}},
      {"port range beyond the policy's",
       [](Scene& s) { s.request.ports = {{.range = {22, 23}}}; },
       refuse,
       reason::port_not_in_policy,
       {"22-23/TCP", "22/TCP"}},
      {"wider protocol",
       [](Scene& s) { s.request.ports = {{.range = {22, 22}, .protocol = model::Protocol::any}}; },
       refuse,
       reason::port_not_in_policy,
       {"22/Any", "22/TCP"}},
      {"source too broad",
       [](Scene& s) { s.request.sources = {*model::parse_prefix("203.0.113.0/29")}; },
       refuse,
       reason::source_too_broad,
       {"203.0.113.0/29", "/32"}},
      {"source elsewhere",
       [](Scene& s) { s.request.sources = {*model::parse_prefix("198.51.100.1")}; },
       refuse,
       reason::source_not_allowed,
       {"198.51.100.1/32", "203.0.113.0/24"}},
      {"too long",
       [](Scene& s) { s.request.duration = 3h; },
       refuse,
       reason::duration_too_long,
       {"3h", "1h"}},
      {"no reason given",
       [](Scene& s) { s.policy.reason_required = true; },
       refuse,
       reason::reason_required,
       {"spec.reason"}},
      {"reason of the wrong form",
       [](Scene& s) {
         s.policy.reason_pattern = "^INC-[0-9]+";
         s.request.reason = "please";
       },
       refuse,
       reason::reason_not_accepted,
       {"please", "^INC-[0-9]+"}},
      {"pattern that is none",
       [](Scene& s) {
         s.policy.reason_pattern = "(";
         s.request.reason = "INC-1";
       },
       refuse,
       reason::reason_not_accepted,
       {"no RE2"}},
      {"pattern that is short, and a machine of megabytes",
       [](Scene& s) {
         s.policy.reason_pattern = "INC-1|(\\pL|\\pN|\\pS){900}$";
         s.request.reason = "INC-1";
       },
       refuse,
       reason::reason_not_accepted,
       {"too large"}},
      {"starts too far ahead",
       [](Scene& s) { s.request.start_at = t0 + 25h; },
       refuse,
       reason::starts_too_late,
       {"2026-11-23T13:00:00Z", "24h"}},
      {"window has passed",
       [](Scene& s) { s.request.start_at = t0 - 1h; },
       refuse,
       reason::timed_out,
       {"45m"}},
      {"second live request",
       [](Scene& s) {
         s.policy.limits.active_per_requester = 1;
         s.usage = {.active = 1, .active_of_requester = 1, .live_request = "first"};
       },
       refuse,
       reason::limit_exceeded,
       {"first", "limits.activePerRequester"}},
      {"policy is full",
       [](Scene& s) {
         s.policy.limits.active = 2;
         s.usage.active = 2;
       },
       refuse,
       reason::limit_exceeded,
       {"2", "limits.active"}},
      {"day is used up",
       [](Scene& s) {
         s.policy.limits.total_duration = 1h;
         s.usage.total_of_requester = 16min;
       },
       refuse,
       reason::limit_exceeded,
       {"16m", "45m", "1h"}},
      {"denied by people",
       [](Scene& s) { s.denied_by = {"bob"}; },
       refuse,
       reason::denied_by_people,
       {"bob"}},
      {"plan only", [](Scene& s) { s.request.plan_only = true; }, refuse, reason::planned, {"45m"}},
      {"audit", [](Scene& s) { s.policy.enforce = false; }, refuse, reason::audit, {"Audit"}},
      {"people have to approve",
       [](Scene& s) {
         s.policy.approval.required = 2;
         s.policy.approval.contact = "#sre";
       },
       wait,
       reason::approval_required,
       {"2", "#sre"}},
      {"policy not looked at",
       [](Scene& s) { s.targets_current = false; },
       wait,
       reason::policy_not_ready,
       {"prod-ssh"}},
      {"machine not locked",
       [](Scene& s) {
         s.targets[0].state = TargetState::State::bypassed;
         s.targets[0].message = "rule \"x\" lets in everybody";
       },
       wait,
       reason::policy_not_ready,
       {"web-1", "Bypassed", "rule \"x\""}},
      {"no address of the family",
       [](Scene& s) {
         s.policy.ports[0].allowed_sources.clear();
         s.request.sources = {*model::parse_prefix("2001:db8::7")};
       },
       refuse,
       reason::no_address,
       {"2001:db8::7/128", "IPv6", "web-1"}},
  };
}

TEST_CASE("a request that the policy allows is granted, and nothing more", "[decision]") {
  const Scene scene;
  const Decision decision = scene.decide();
  CHECK(decision.kind == Decision::Kind::grant);
  REQUIRE(decision.targets.size() == 1);
  CHECK(decision.targets[0].vm_id == "vm-web-1");
}

TEST_CASE("the first check that has something to say decides, with both values", "[decision]") {
  for (const Row& row : rows()) {
    Scene scene;
    row.change(scene);
    const Decision decision = scene.decide();
    INFO(row.what << ": " << decision.reason << ": " << decision.message);
    CHECK(decision.kind == row.kind);
    CHECK(decision.reason == row.reason);
    for (const char* word : row.words) CHECK_THAT(decision.message, Catch::Contains(word));
    CHECK(decision.targets.empty());
    if (decision.kind == wait) CHECK(decision.again_at > scene.now);
  }
}

TEST_CASE("a request that names no machine asks for all of the policy", "[decision]") {
  Scene scene;
  scene.request.targets = {};
  scene.targets.push_back(Scene::machine("web-2", "web"));
  CHECK(scene.decide().targets.size() == 2);
}

TEST_CASE("names of machines are compared as ARM does", "[decision]") {
  Scene scene;
  scene.request.targets = {"WEB/Web-1"};
  CHECK(scene.decide().kind == Decision::Kind::grant);
}

TEST_CASE("a machine that is not locked holds up only those who ask for it", "[decision]") {
  Scene scene;
  scene.targets.push_back(Scene::machine("web-2", "web"));
  scene.targets[1].state = TargetState::State::unprotected;
  CHECK(scene.decide().kind == Decision::Kind::grant);
}

TEST_CASE("a tightening that touches a grant is named, a loosening is not", "[decision]") {
  const Scene scene;
  model::AccessVerdict verdict;
  verdict.ports = scene.request.ports;
  verdict.sources = scene.request.sources;
  verdict.duration = scene.request.duration;
  verdict.targets = {{.resource_id = scene.targets[0].machine.id, .vm_id = "vm-web-1"}};
  CHECK_FALSE(no_longer_allowed(verdict, scene.policy));

  auto changed = scene.policy;
  changed.ports[0].max_duration = 2h;
  CHECK_FALSE(no_longer_allowed(verdict, changed));
  changed.ports[0].max_duration = 30min;
  CHECK(no_longer_allowed(verdict, changed));

  changed = scene.policy;
  changed.ports[0].allowed_sources = {*model::parse_prefix("198.51.100.0/24")};
  CHECK(no_longer_allowed(verdict, changed));

  changed = scene.policy;
  changed.ports[0].range = {2222, 2222};
  CHECK(no_longer_allowed(verdict, changed));

  changed = scene.policy;
  changed.targets[0].name = "web-2";
  CHECK(no_longer_allowed(verdict, changed));
}

}  // namespace
}  // namespace portcullis::plan
