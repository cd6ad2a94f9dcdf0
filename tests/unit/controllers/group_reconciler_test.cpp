#include "controllers/group_reconciler.hpp"

#include "controllers/group_wants.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {
namespace {

struct Fixture : Scene {
  bool leads = true;
  GroupReconciler reconciler{world, client, [this] { return leads; }};
  asio::io_context io;  // last: its coroutines must die before what they refer to

  Result<runtime::Next> pass() { return test::run(io, clock, reconciler.reconcile(key)); }
};

TEST_CASE_METHOD(Fixture, "a machine of the policy is locked, and what others made stays",
                 "[controllers]") {
  const auto foreign = cloud.groups[key].rules.front();
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"lock", "foreign"});
  CHECK(cloud.groups[key].rules.back() == foreign);
  CHECK(world.groups[key].plan.in_sync());
  // The writes are proven by a reading, never by the answer.
  CHECK(cloud.calls.back() == "read_group");
}

TEST_CASE_METHOD(Fixture, "a pass with nothing to do writes nothing", "[controllers]") {
  REQUIRE(pass());
  cloud.writes.clear();
  for (int i = 0; i < 10; ++i) REQUIRE(pass());
  CHECK(cloud.writes.empty());
}

TEST_CASE_METHOD(Fixture, "a grant opens and ends by its own time", "[controllers]") {
  REQUIRE(pass());
  grant();
  const auto next = pass();
  REQUIRE(next);
  CHECK(kinds() == Kinds{"open", "lock", "foreign"});
  REQUIRE(pass()->at);
  CHECK((*pass()->at <= clock.now() + 10min));
  clock.advance(10min);
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"lock", "foreign"});
}

TEST_CASE_METHOD(Fixture, "before packets are let in the API server itself is asked",
                 "[controllers]") {
  REQUIRE(pass());
  grant();
  SECTION("the verdict is gone") { live_verdict = nullptr; }
  SECTION("the verdict has ended") {
    live_verdict["spec"]["ended"] = {{"at", format_rfc3339(clock.now())}, {"reason", "Suspended"}};
  }
  SECTION("another verdict has its name") { live_verdict["metadata"]["uid"] = "other"; }
  SECTION("somebody else wrote it") { live_verdict["spec"]["by"] = "mallory"; }
  SECTION("the request is gone") { live_request = nullptr; }
  SECTION("the request was made anew") { live_request["metadata"]["uid"] = "other"; }
  SECTION("the request was given back") { live_request["spec"]["revoke"] = true; }
  cloud.writes.clear();
  CHECK_FALSE(pass());
  CHECK(cloud.writes.empty());
}

TEST_CASE_METHOD(Fixture, "with half a minute left nothing is opened any more", "[controllers]") {
  REQUIRE(pass());
  grant();
  clock.advance(10min - 20s);
  cloud.writes.clear();
  REQUIRE(pass());
  CHECK(cloud.writes.empty());
}

TEST_CASE_METHOD(Fixture, "without the lease nothing is opened, what is over is closed",
                 "[controllers]") {
  REQUIRE(pass());
  leads = false;
  grant();
  cloud.writes.clear();
  CHECK_FALSE(world.groups[key].plan.changes.size() > 1);
  pass();
  CHECK(cloud.writes.empty());
  leads = true;
  REQUIRE(pass());
  REQUIRE(kinds() == Kinds{"open", "lock", "foreign"});
  leads = false;
  clock.advance(10min);
  pass();
  CHECK(kinds() == Kinds{"lock", "foreign"});
}

TEST_CASE_METHOD(Fixture, "a rule that may not be deleted is made to let nobody in",
                 "[controllers]") {
  REQUIRE(pass());
  grant();
  REQUIRE(pass());
  const std::string open = cloud.groups[key].rules.front().name;
  cloud.fail_always["remove " + open] = {.kind = Error::Kind::locked, .message = "ScopeLocked"};
  clock.advance(10min);
  REQUIRE(pass());
  CHECK(plan::is_inert(cloud.groups[key].rules.front()));
  CHECK(world.groups[key].plan.nothing_to_close());
}

TEST_CASE_METHOD(Fixture, "a closing that fails is tried again, and nothing opens behind it",
                 "[controllers]") {
  REQUIRE(pass());
  grant();
  REQUIRE(pass());
  const std::string open = cloud.groups[key].rules.front().name;
  cloud.fail_always["remove " + open] = {.kind = Error::Kind::unavailable, .message = "500"};
  clock.advance(10min);
  CHECK_FALSE(pass());
  CHECK_FALSE(world.groups[key].plan.nothing_to_close());
  CHECK(world.groups[key].error);
  cloud.fail_always.clear();
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"lock", "foreign"});
  CHECK_FALSE(world.groups[key].error);
}

TEST_CASE_METHOD(Fixture, "a group is gone only when two readings say so", "[controllers]") {
  REQUIRE(pass());
  cloud.groups.clear();
  const auto first = pass();
  REQUIRE_FALSE(first);
  CHECK((first.error().retry_after == Duration(5s)));
  CHECK_FALSE(pass());
  CHECK_FALSE(world.groups[key].gone);
  clock.advance(5s);
  CHECK(pass());
  CHECK(world.groups[key].gone);
}

TEST_CASE_METHOD(Fixture, "a group that is gone for long is forgotten, if it concerns nobody",
                 "[controllers]") {
  REQUIRE(pass());
  const auto machine = world.machines.at(model::resource_key(vm));
  cloud.groups.clear();
  world.machines.clear();
  CHECK_FALSE(pass());
  clock.advance(5s);
  REQUIRE(pass());
  SECTION("not at once") {
    clock.advance(9min);
    const auto next = pass();
    REQUIRE(next);
    CHECK(next->at);
    CHECK(world.groups.contains(key));
    clock.advance(1min);
  }
  SECTION("not while a machine has it on its way") {
    world.machines[model::resource_key(vm)] = machine;
    clock.advance(1h);
    REQUIRE(pass());
    CHECK(world.groups.contains(key));
    world.machines.clear();
  }
  SECTION("not while a grant had rules in it") {
    world.touched.add("verdict", key);
    clock.advance(1h);
    REQUIRE(pass());
    CHECK(world.groups.contains(key));
    world.touched.erase("verdict");
  }
  clock.advance(10min);
  const auto last = pass();
  REQUIRE(last);
  CHECK_FALSE(last->at);
  CHECK_FALSE(world.groups.contains(key));
  cloud.calls.clear();
  REQUIRE(pass());
  CHECK(cloud.calls.empty());
}

TEST_CASE_METHOD(Fixture, "while a cache is not synced nothing opens", "[controllers]") {
  REQUIRE(pass());
  grant();
  world.account_views["prod"].listed = false;
  cloud.writes.clear();
  REQUIRE(pass());
  CHECK(cloud.writes.empty());
  world.account_views["prod"].listed = true;
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"open", "lock", "foreign"});
}

TEST_CASE_METHOD(Fixture, "a lock goes only on evidence", "[controllers]") {
  REQUIRE(pass());
  SECTION("a policy whose machines were not all read gives none") {
    world.policy_views["team-a/prod-ssh"].targets.clear();
    world.policy_views["team-a/prod-ssh"].complete = false;
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"lock", "foreign"});
  }
  SECTION("a policy that vanished gives none") {
    world.stores.policies.begin_replace();
    world.stores.policies.end_replace();
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"lock", "foreign"});
  }
  SECTION("a policy in Audit gives none") {
    json audit = policy();
    audit["spec"]["enforcement"] = "Audit";
    put(world.stores.policies, audit);
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"lock", "foreign"});
  }
  SECTION("a policy that wants the machine no longer does") {
    world.policy_views["team-a/prod-ssh"].targets.clear();
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"foreign"});
  }
}

TEST_CASE_METHOD(Fixture, "a machine re-created under its name is not what was granted",
                 "[controllers]") {
  REQUIRE(pass());
  grant();
  REQUIRE(pass());
  world.machines[model::resource_key(vm)].machine->vm_id = "vm-2";
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"lock", "foreign"});
}

/// A policy of the same machine and port with an exception, made at another time.
json with_exception(json policy, const std::string& name, TimePoint created) {
  policy["metadata"]["name"] = name;
  policy["metadata"]["uid"] = name;
  policy["metadata"]["creationTimestamp"] = format_rfc3339(created);
  policy["spec"]["ports"][0]["exceptions"] = {{{"sources", {"198.51.100.0/24"}}}};
  return policy;
}

TEST_CASE_METHOD(Fixture, "only the oldest policy's exceptions stand above the locks",
                 "[controllers]") {
  const auto add = [&](const json& other) {
    simdjson::dom::parser parser;
    world.stores.policies.put(parser.parse(other.dump()).value());
    PolicyView view = world.policy_views["team-a/prod-ssh"];
    view.uid = "other";
    world.policy_views["team-a/other"] = view;
  };
  SECTION("a younger one locks, and lets nobody in") {
    add(with_exception(policy(), "other", clock.now()));
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"lock", "lock", "foreign"});
  }
  SECTION("the oldest one's stand") {
    add(with_exception(policy(), "other", clock.now() - 2h));
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"keep", "lock", "lock", "foreign"});
  }
  SECTION("an older one in a namespace that the account does not serve claims nothing") {
    json squatter = with_exception(policy(), "other", clock.now() - 2h);
    squatter["metadata"]["namespace"] = "nobody";
    simdjson::dom::parser parser;
    world.stores.policies.put(parser.parse(squatter.dump()).value());
    add(with_exception(policy(), "third", clock.now() - 90min));
    world.policy_views["team-a/third"] = world.policy_views["team-a/other"];
    world.policy_views["team-a/third"].uid = "third";
    REQUIRE(pass());
    CHECK(kinds() == Kinds{"keep", "lock", "lock", "foreign"});
  }
}

TEST_CASE_METHOD(Fixture, "an account that cannot be read any more opens nothing and still closes",
                 "[controllers]") {
  REQUIRE(pass());
  grant();
  REQUIRE(pass());
  REQUIRE(kinds() == Kinds{"open", "lock", "foreign"});
  json newer = account();
  newer["spec"]["azure"]["credential"] = "SomethingNew";
  simdjson::dom::parser parser;
  world.stores.accounts.put(parser.parse(newer.dump()).value());
  REQUIRE(world.stores.accounts.all().empty());
  clock.advance(10min);
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"lock", "foreign"});
}

TEST_CASE_METHOD(Fixture, "a machine that is gone takes its grant and its lock along",
                 "[controllers]") {
  REQUIRE(pass());
  grant();
  REQUIRE(pass());
  MachineView& view = world.machines[model::resource_key(vm)];
  view.machine.reset();
  view.gone = true;
  REQUIRE(pass());
  CHECK(kinds() == Kinds{"foreign"});
}

TEST_CASE_METHOD(Fixture, "what is long over is not weighed in each pass", "[controllers]") {
  REQUIRE(pass());
  grant();
  clock.advance(12min);
  const auto desired = gather_wants(world, *world.stores.accounts.find("prod"), key, true);
  CHECK(desired.opens.empty());
}

TEST_CASE_METHOD(Fixture, "the group of an account that left is left alone", "[controllers]") {
  REQUIRE(pass());
  world.stores.accounts.begin_replace();
  world.stores.accounts.end_replace();
  world.remembered_accounts.clear();
  CHECK_FALSE(pass());  // a lock of ours is still there: loud
  world.groups[key].group->rules.clear();
  const auto quiet = pass();
  REQUIRE(quiet);
  CHECK_FALSE(quiet->at);
}

}  // namespace
}  // namespace portcullis::controllers
