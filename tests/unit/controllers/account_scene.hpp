#pragma once

#include "api_server.hpp"
#include "controllers/account_reconciler.hpp"
#include "controllers/group_reconciler.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {

inline constexpr const char* object_key = "cloudaccounts/prod";

/// A new process that has looked at nothing in the cloud yet.
struct AccountScene : Scene {
  ApiServer api{clock};
  kube::EventSender events{client, "test"};
  AccountReconciler reconciler{world, client, events};
  GroupReconciler groups{world, client, [] { return true; }};
  asio::io_context io;  // last: its coroutines must die before what they refer to

  AccountScene() {
    server.serve = [this](const net::Request& asked) { return api.serve(asked); };
    api.objects[object_key] = account();
    api.objects["jitpolicies/prod-ssh"] = policy();
    world.guard.holds = true;
    world.account_views.clear();
    world.groups.clear();
  }

  Result<runtime::Next> pass(const std::string& name = "prod") {
    api.deliver(world);
    return test::run(io, clock, reconciler.reconcile(name));
  }
  Result<runtime::Next> group_pass() { return test::run(io, clock, groups.reconcile(key)); }

  /// Held by the finalizer, probed, with a lock in its group.
  void settle() {
    REQUIRE(pass());
    REQUIRE(pass());
    world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
    REQUIRE(group_pass());
    REQUIRE(kinds() == Kinds{"lock", "foreign"});
  }

  json condition(const std::string& type, const std::string& name = object_key) {
    for (const json& one : api.objects.at(name)["status"]["conditions"]) {
      if (one["type"] == type) return one;
    }
    return {};
  }
  std::string message() { return condition("Ready")["message"]; }
  bool is_there() const { return api.objects.contains(object_key); }

  json younger() const {
    json other = account();
    other["metadata"]["name"] = "second";
    other["metadata"]["uid"] = "second";
    other["metadata"]["creationTimestamp"] = format_rfc3339(clock.now());
    other["metadata"]["finalizers"] = {model::finalizer};
    return other;
  }
};

/// A rule of ours that nobody remembers.
inline model::SecurityRule forgotten_rule(const World& world, TimePoint until) {
  plan::OwnMark mark;
  mark.kind = plan::RuleKind::open;
  mark.until = until;
  return {.name = plan::rule_name(world.instance, plan::RuleKind::open, "forgotten"),
          .description = plan::describe(mark),
          .priority = 130,
          .access = model::Access::allow,
          .source = {.prefixes = {prefix("203.0.113.7")}},
          .destination = {.prefixes = {prefix("10.0.0.4")}},
          .destination_ports = {{22, 22}}};
}

}  // namespace portcullis::controllers
