// Two accounts in one process: what one of them has used up is not missing to the other.

#include "controllers/group_reconciler.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {
namespace {

/// The scene's objects twice, in two subscriptions, each with a cloud of its own.
struct TwoAccounts : Scene {
  static std::string there(std::string id) {
    return id.replace(id.find("11111111"), 8, "22222222");
  }
  const std::string other_nsg = there(nsg);
  const std::string other_key = model::resource_key(other_nsg);

  test::FakeProvider other_cloud;
  World both{clock,
             [this](const model::CloudAccount& account) -> Result<cloud::Provider*> {
               return account.meta.name == "prod" ? &cloud : &other_cloud;
             },
             world.instance};
  GroupReconciler groups{both, client, [] { return true; }};
  asio::io_context io;  // last: its coroutines must die before what they refer to

  TwoAccounts() {
    both.operator_name = me;
    const std::string other_vm = there(vm);
    model::SecurityGroup group = cloud.groups.at(key);
    group.id = other_nsg;
    other_cloud.groups[other_key] = group;
    model::VirtualMachine machine = cloud.machines.at(model::resource_key(vm));
    machine.id = other_vm;
    machine.paths[0].interface_group = other_nsg;
    other_cloud.machines[model::resource_key(other_vm)] = machine;

    json other_account = account();
    other_account["metadata"]["name"] = "other";
    other_account["metadata"]["uid"] = "other-account";
    other_account["spec"]["azure"]["subscriptionID"] = "22222222-1111-4111-8111-111111111111";
    json other_policy = policy();
    other_policy["metadata"]["name"] = "other-ssh";
    other_policy["metadata"]["uid"] = "other-policy";
    other_policy["spec"]["accountRef"]["name"] = "other";
    fill(both.stores.accounts, {account(), other_account});
    fill(both.stores.policies, {policy(), other_policy});
    fill(both.stores.requests, {});
    fill(both.stores.decisions, {});
    fill(both.stores.verdicts, {});
    know("prod", "team-a/prod-ssh", "policy", cloud.machines.at(model::resource_key(vm)));
    know("other", "team-a/other-ssh", "other-policy", machine);
    both.mark_group(nsg, runtime::Workqueue::Urgency::normal);
    both.mark_group(other_nsg, runtime::Workqueue::Urgency::normal);
    use_up(cloud);
    use_up(other_cloud);
  }

  template <typename T>
  static void fill(kube::Store<T>& store, const std::vector<json>& objects) {
    simdjson::dom::parser parser;
    store.begin_replace();
    for (const json& object : objects) store.put(parser.parse(object.dump()).value());
    store.end_replace();
  }

  void know(const std::string& account, const std::string& policy, const std::string& uid,
            const model::VirtualMachine& machine) {
    both.account_views[account].listed = true;
    both.machines[model::resource_key(machine.id)] = {.machine = machine, .read_at = clock.now()};
    plan::TargetState target;
    target.machine = machine;
    both.policy_views[policy] = {
        .uid = uid, .generation = 1, .targets = {target}, .listed = true, .complete = true};
  }

  /// Nothing is left for writes.
  static void use_up(test::FakeProvider& provider) {
    provider.on_call = [&provider](const std::string& call) {
      if (!call.starts_with("put ")) return;
      provider.fail_once[call] = {
          .kind = Error::Kind::throttled, .message = "not sent", .code = cloud::budget_used_up};
    };
  }

  /// How long the group that could not be written waits for another try.
  Duration wait_of(const std::string& group) {
    const auto next = test::run(io, clock, groups.reconcile(group));
    REQUIRE(next);
    REQUIRE(next->at);
    return *next->at - clock.now();
  }
};

TEST_CASE_METHOD(TwoAccounts, "who has no writes left does not put off another account's groups",
                 "[controllers]") {
  cloud.writes_open_in = 5min;
  CHECK(wait_of(key) >= 5min);
  CHECK(wait_of(other_key) < 5s);
  CHECK(cloud.writes.size() == 1);
  CHECK(other_cloud.writes.size() == 1);

  // When it has its turn it is written, and nobody else's line has become longer by it.
  clock.advance(5s);
  other_cloud.on_call = nullptr;
  REQUIRE(test::run(io, clock, groups.reconcile(other_key)));
  CHECK(both.groups.at(other_key).plan.in_sync());
  CHECK(wait_of(key) > 4min);
}

}  // namespace
}  // namespace portcullis::controllers
