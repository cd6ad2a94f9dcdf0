#include "controllers/policy_reconciler.hpp"

#include "controllers/group_reconciler.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {
namespace {

/// The policy is being deleted; whoever writes to the API server is heard.
struct Fixture : Scene {
  kube::EventSender events{client, "test"};
  PolicyReconciler policies{world, client, events};
  GroupReconciler groups{world, client, [] { return true; }};
  std::vector<std::string> patched;  ///< "METHOD path: body"
  asio::io_context io;               // last: its coroutines must die before what they refer to

  Fixture() {
    server.serve = [this](const net::Request& request) -> Result<net::Response> {
      if (request.method == "GET") return serve(request);
      patched.push_back(request.method + " " + request.target + ": " + request.body);
      return net::Response{.status = 200, .body = "{}"};
    };
  }

  void delete_policy() {
    json going = policy();
    going["metadata"]["deletionTimestamp"] = format_rfc3339(clock.now());
    going["metadata"]["finalizers"] = {model::finalizer};
    put(world.stores.policies, going);
  }

  template <typename Reconciler>
  Result<runtime::Next> pass(Reconciler& reconciler, const std::string& which) {
    return test::run(io, clock, reconciler.reconcile(which));
  }

  void policy_pass() { REQUIRE(pass(policies, "team-a/prod-ssh")); }

  bool let_go() const {
    return std::ranges::any_of(patched, [](const std::string& write) {
      return write.find("/finalizers/") != std::string::npos &&
             write.find("\"remove\"") != std::string::npos;
    });
  }

  bool locked() const {
    return std::ranges::any_of(cloud.groups.at(key).rules,
                               [](const auto& rule) { return rule.access == model::Access::deny; });
  }
};

TEST_CASE_METHOD(Fixture, "a policy goes when its locks are gone, and not before",
                 "[controllers]") {
  REQUIRE(pass(groups, key));
  REQUIRE(locked());
  delete_policy();
  policy_pass();
  CHECK_FALSE(let_go());
  CHECK(locked());
  REQUIRE(pass(groups, key));
  CHECK_FALSE(locked());
  policy_pass();
  CHECK(let_go());
}

TEST_CASE_METHOD(Fixture, "a policy waits for a grant that is still open", "[controllers]") {
  REQUIRE(pass(groups, key));
  grant();
  REQUIRE(pass(groups, key));
  delete_policy();
  policy_pass();
  CHECK_FALSE(world.policy_views["team-a/prod-ssh"].leaving);
  CHECK(locked());
}

TEST_CASE_METHOD(Fixture, "right after a start, what was over long ago holds up nobody",
                 "[controllers]") {
  REQUIRE(pass(groups, key));
  // Granted on a machine that the policy no longer names, and that nobody has read.
  live_verdict = verdict();
  live_verdict["spec"]["targets"][0]["resourceID"] =
      sub + "web/providers/Microsoft.Compute/virtualMachines/web-2";
  put(world.stores.verdicts, live_verdict);
  clock.advance(24h);
  model::VirtualMachine other = *world.machines[model::resource_key(vm)].machine;
  other.name = "web-2";
  other.id = sub + "web/providers/Microsoft.Compute/virtualMachines/web-2";

  SECTION("its machine is there: it is read") {
    cloud.machines[model::resource_key(other.id)] = other;
    delete_policy();
    policy_pass();
  }
  SECTION("its machine is gone: that is believed after the second time") {
    delete_policy();
    policy_pass();
    CHECK_FALSE(world.policy_views["team-a/prod-ssh"].leaving);
    clock.advance(5s);
    policy_pass();
  }
  REQUIRE(pass(groups, key));  // what the deletion wants to know is read
  policy_pass();
  CHECK(world.policy_views["team-a/prod-ssh"].leaving);
  REQUIRE(pass(groups, key));
  policy_pass();
  CHECK(let_go());
}

TEST_CASE_METHOD(Fixture, "a lock says no more than it proves: exceptions stay let in",
                 "[controllers]") {
  json held = policy();
  held["metadata"]["finalizers"] = {model::finalizer};
  held["spec"]["ports"][0]["exceptions"] = {{{"sources", {"10.0.9.0/28"}}, {"reason", "bastion"}}};
  put(world.stores.policies, held);
  REQUIRE(pass(groups, key));
  policy_pass();
  const auto& target = world.policy_views["team-a/prod-ssh"].targets.at(0);
  REQUIRE(target.state == plan::TargetState::State::locked);
  CHECK(target.message == "nobody reaches the ports outside a grant or an exception, by NSG rules");
}

TEST_CASE_METHOD(Fixture, "locks do not go with an account that is not there", "[controllers]") {
  REQUIRE(pass(groups, key));
  delete_policy();
  world.stores.accounts.begin_replace();
  world.stores.accounts.end_replace();
  policy_pass();
  policy_pass();
  CHECK_FALSE(let_go());
  CHECK(locked());
}

TEST_CASE_METHOD(Fixture, "a bypass is told while something is still to be opened",
                 "[controllers]") {
  json held = policy();
  held["metadata"]["finalizers"] = {model::finalizer};
  put(world.stores.policies, held);
  REQUIRE(pass(groups, key));
  cloud.groups.at(key).rules.push_back({.name = "breakfix",
                                        .priority = 110,
                                        .access = model::Access::allow,
                                        .source = {.any = true},
                                        .destination = {.any = true},
                                        .destination_ports = {{22, 22}}});
  // The cloud refuses the opening: it stays to be done.
  cloud.on_call = [this](const std::string& call) {
    if (call.find("-open-") == std::string::npos) return;
    cloud.fail_once[call] = {.kind = Error::Kind::forbidden, .message = "403"};
  };
  grant();
  (void)pass(groups, key);
  REQUIRE_FALSE(world.groups.at(key).plan.in_sync());
  policy_pass();
  const auto& target = world.policy_views["team-a/prod-ssh"].targets.at(0);
  CHECK(target.state == plan::TargetState::State::bypassed);
  CHECK_THAT(target.message, Catch::Contains("breakfix"));
}

}  // namespace
}  // namespace portcullis::controllers
