#pragma once

#include <memory>

#include "api_server.hpp"
#include "controllers/group_reconciler.hpp"
#include "controllers/group_wants.hpp"
#include "controllers/policy_reconciler.hpp"
#include "controllers/request_reconciler.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {

/// The scene with an API server that keeps what is written, and every controller that a request
/// depends on. A test says who makes a pass, and when the caches see what was written.
struct RequestScene : Scene {
  ApiServer api{clock};
  kube::EventSender events{client, "test"};
  bool may_decide = true;
  std::unique_ptr<RequestReconciler> requests;
  PolicyReconciler policies{world, client, events};
  GroupReconciler groups{world, client, [] { return true; }};
  asio::io_context io;  // last: its coroutines must die before what they refer to

  RequestScene() {
    server.serve = [this](const net::Request& asked) { return api.serve(asked); };
    api.objects["cloudaccounts/prod"] = held(account());
    api.objects["jitpolicies/prod-ssh"] = held(policy());
    api.objects["accessrequests/ssh"] = held(request());
    world.guard.holds = true;
    make_reconciler();
    api.deliver(world);
    REQUIRE(group_pass());
  }

  static json held(json object) {
    object["metadata"]["finalizers"] = {model::finalizer};
    return object;
  }

  void make_reconciler() {
    requests =
        std::make_unique<RequestReconciler>(world, client, events, [this] { return may_decide; });
  }

  /// A new process: it remembers nothing, and has read nothing but the API server's objects.
  void restart() {
    forget();
    make_reconciler();
    api.deliver(world);
  }

  /// The caches see what was written, and then it is looked at.
  Result<runtime::Next> pass(const std::string& name = "ssh") {
    api.deliver(world);
    return pass_unseen(name);
  }
  Result<runtime::Next> pass_unseen(const std::string& name = "ssh") {
    return test::run(io, clock, requests->reconcile("team-a/" + name));
  }
  Result<runtime::Next> group_pass() { return test::run(io, clock, groups.reconcile(key)); }
  Result<runtime::Next> policy_pass() {
    api.deliver(world);
    return test::run(io, clock, policies.reconcile("team-a/prod-ssh"));
  }

  /// Whoever was woken has been looked at.
  void drain(runtime::Workqueue& queue) {
    while (queue.ready() != 0) queue.done(*test::run(io, clock, queue.take()));
  }

  /// From now on each write of a rule meets this, or is followed by a reading that does.
  void fail_puts(Error error, bool in_reading_back = false) {
    cloud.on_call = [this, error, in_reading_back](const std::string& call) {
      if (call.starts_with("put ")) cloud.fail_once[in_reading_back ? "read_group" : call] = error;
    };
  }

  /// From asked for to proven open.
  void open() {
    REQUIRE(pass());
    REQUIRE(pass());
    REQUIRE(group_pass());
    REQUIRE(pass());
    REQUIRE(state() == "Active");
    REQUIRE(kinds() == Kinds{"open", "lock", "foreign"});
  }

  json& asked() { return api.objects.at("accessrequests/ssh"); }
  json& verdict_object() { return api.objects.at("accessverdicts/request"); }
  bool is_decided() const { return api.objects.contains("accessverdicts/request"); }
  bool is_open() const { return std::ranges::count(kinds(), "open") != 0; }
  bool is_held() const { return api.objects.contains("accessrequests/ssh"); }

  std::string state() { return asked()["status"].value("state", ""); }
  std::string message() { return asked()["status"].value("message", ""); }
  json condition(const std::string& type) {
    for (const json& one : asked()["status"]["conditions"]) {
      if (one["type"] == type) return one;
    }
    return {};
  }

  /// Nobody is let in for any request, and nobody means to be.
  void check_nothing_opens() {
    api.deliver(world);
    const auto account = world.stores.accounts.find("prod");
    if (account) {
      for (const auto& want : gather_wants(world, *account, key, true).opens) {
        CHECK((want.ended || want.starts_at > clock.now()));
      }
    }
    group_pass();
    CHECK_FALSE(is_open());
  }

  void say(const std::string& decision, const std::string& by,
           const std::string& policy = "prod-ssh") {
    json object = {{"metadata", meta(by, "said-by-" + by, clock.now())},
                   {"spec",
                    {{"requestRef", {{"name", "ssh"}, {"uid", "request"}}},
                     {"policyName", policy},
                     {"decision", decision},
                     {"reason", "enough"},
                     {"author", {{"username", by}}}}}};
    api.objects["accessdecisions/" + by] = object;
  }
};

}  // namespace portcullis::controllers
