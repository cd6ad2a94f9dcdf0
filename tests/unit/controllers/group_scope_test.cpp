// Groups that an account may not write, or not any more.

#include "controllers/group_reconciler.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {
namespace {

struct Scoped : Scene {
  GroupReconciler reconciler{world, client, [] { return true; }};
  asio::io_context io;  // last: its coroutines must die before what they refer to

  Result<runtime::Next> pass() { return test::run(io, clock, reconciler.reconcile(key)); }

  PolicyView& view() { return world.policy_views.at("team-a/prod-ssh"); }

  /// An admin gives the account other network groups than the group's.
  void leave_scope() {
    json object = account();
    object["spec"]["networkResourceGroups"] = {"elsewhere"};
    put(world.stores.accounts, object);
  }

  void change_policy(const json& patch) {
    json object = policy();
    object.merge_patch(patch);
    put(world.stores.policies, object);
  }
};

const json two_ports = {{"spec",
                         {{"ports",
                           {{{"port", 22}, {"protocol", "TCP"}, {"maxDuration", "1h"}},
                            {{"port", 3389}, {"protocol", "TCP"}, {"maxDuration", "1h"}}}}}}};

TEST_CASE_METHOD(Scoped, "what leaves the account's scope stays locked, whatever is read of it",
                 "[controllers]") {
  REQUIRE(pass());
  const auto lock = cloud.groups[key].rules.front();
  leave_scope();
  SECTION("with the lock proven") {}
  SECTION("with the machine out of scope, for somebody came past the lock") {
    view().targets.at(0).state = plan::TargetState::State::out_of_scope;
  }
  SECTION("with a port more, of which a lock can never be written") { change_policy(two_ports); }
  SECTION("with the machine taken out of the policy") { view().targets.clear(); }
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"lock", "foreign"});
  CHECK(cloud.groups[key].rules.front() == lock);
  CHECK(world.groups[key].plan.in_sync());
}

TEST_CASE_METHOD(Scoped, "a machine stays locked where it can be, whatever else leads to it",
                 "[controllers]") {
  REQUIRE(pass());
  // An interface more, behind a group that may not be written.
  view().targets.at(0).state = plan::TargetState::State::out_of_scope;
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"lock", "foreign"});
}

TEST_CASE_METHOD(Scoped,
                 "what the account gives a namespace no more stays locked before that is said",
                 "[controllers]") {
  REQUIRE(pass());
  json object = account();
  object["spec"]["access"][0]["resourceGroups"] = json::array({"other"});
  put(world.stores.accounts, object);
  REQUIRE(pass());  // by what the last look at the policy found
  CHECK(kinds() == Kinds{"lock", "foreign"});
}

TEST_CASE_METHOD(Scoped, "a policy that leaves unlocks out of the account's scope, too",
                 "[controllers]") {
  REQUIRE(pass());
  leave_scope();
  change_policy({{"metadata", {{"deletionTimestamp", format_rfc3339(clock.now())}}}});
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"lock", "foreign"});
  view().leaving = true;
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"foreign"});
}

TEST_CASE_METHOD(Scoped, "outside its scope an account opens and locks nothing, and closes",
                 "[controllers]") {
  SECTION("of a policy") {
    leave_scope();
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"foreign"});
  }
  SECTION("of a grant") {
    REQUIRE(pass());
    grant();
    REQUIRE(pass());
    REQUIRE(kinds() == Kinds{"open", "lock", "foreign"});
    leave_scope();
    clock.advance(10min);
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"lock", "foreign"});
    live_verdict = verdict();
    live_verdict["metadata"]["name"] = "another";
    put(world.stores.verdicts, live_verdict);
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"lock", "foreign"});
  }
}

}  // namespace
}  // namespace portcullis::controllers
