// Policies that select machines by tags.

#include "controllers/group_reconciler.hpp"
#include "controllers/inventory_reconciler.hpp"
#include "controllers/policy_reconciler.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {
namespace {

constexpr Duration inventory_period = 5min;

std::string id_of(const std::string& name) {
  return sub + "web/providers/Microsoft.Compute/virtualMachines/" + name;
}

/// web-1 (10.0.0.4) and web-2 (10.0.0.5) have the tag, db-1 (10.0.0.6) has another; all stand
/// behind one group.
struct Fixture : Scene {
  kube::EventSender events{client, "test"};
  InventoryReconciler inventory{world, inventory_period};
  PolicyReconciler policies{world, client, events};
  GroupReconciler groups{world, client, [] { return true; }};
  json spec = selecting();
  json status = json::object();  ///< as the API server has it
  asio::io_context io;           // last: its coroutines must die before what they refer to

  Fixture() {
    server.serve = [this](const net::Request& asked) -> Result<net::Response> {
      if (asked.target.find("/jitpolicies/") == std::string::npos) return serve(asked);
      if (asked.method == "GET") {
        json object = spec;
        object["status"] = status;
        return net::Response{.status = 200, .body = object.dump()};
      }
      const json body = json::parse(asked.body, nullptr, false);
      if (body.is_object() && body.contains("status")) status = body["status"];
      return net::Response{.status = 200, .body = "{}"};
    };
    cloud.machines.clear();
    add("web-1", "10.0.0.4", "web");
    add("web-2", "10.0.0.5", "web");
    add("db-1", "10.0.0.6", "db");
    world.machines.clear();
    world.policy_views.clear();
    world.inventories.clear();
    // The guards hold, else no status is written.
    world.guard.holds = true;
    put(world.stores.policies, spec);
  }

  json selecting() const {
    json object = policy();
    object["metadata"]["finalizers"] = {model::finalizer};
    object["spec"]["targets"] = {
        {{"selector", {{"resourceGroup", "web"}, {"tags", {{"Tier", "web"}}}}}}};
    object["spec"]["ports"][0]["exceptions"] = {{{"sources", {"10.9.0.0/28"}}}};
    return object;
  }

  void add(const std::string& name, const char* address, const std::string& tier) {
    model::VirtualMachine machine{
        .id = id_of(name), .vm_id = name, .name = name, .resource_group = "web"};
    machine.paths = {{.address = prefix(address), .interface_group = nsg}};
    machine.tags = {{"tier", tier}};
    cloud.machines[model::resource_key(machine.id)] = machine;
  }

  model::VirtualMachine& machine(const std::string& name) {
    return cloud.machines.at(model::resource_key(id_of(name)));
  }

  void list() { (void)test::run(io, clock, inventory.reconcile("prod")); }
  void look() { (void)test::run(io, clock, policies.reconcile("team-a/prod-ssh")); }
  void write() { (void)test::run(io, clock, groups.reconcile(key)); }

  /// One inventory period: lists, readings, writes, and what they showed.
  void period() {
    clock.advance(inventory_period);
    list();
    look();
    write();
    look();
  }

  void restart() {
    forget();
    world.inventories.clear();
    world.account_views["prod"].listed = true;
  }

  std::string destinations(plan::RuleKind kind) const {
    std::string text;
    for (const auto& rule : cloud.groups.at(key).rules) {
      const auto mark = plan::read_mark(rule, world.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      if (own == nullptr || own->kind != kind) continue;
      for (const auto& one : rule.destination.prefixes) text += to_string(one) + " ";
    }
    return text;
  }
  std::string locked() const { return destinations(plan::RuleKind::lock); }
  std::string excepted() const { return destinations(plan::RuleKind::keep); }

  std::string ready() const {
    for (const auto& condition : status.value("conditions", json::array())) {
      if (condition["type"] == "Ready") {
        return condition["reason"].get<std::string>() + ": " +
               condition["message"].get<std::string>();
      }
    }
    return "unknown";
  }
};

constexpr const char* web_both = "10.0.0.4/31 ";

TEST_CASE_METHOD(Fixture, "machines with the tags are locked, others are not", "[selection]") {
  look();
  CHECK(world.policy_views["team-a/prod-ssh"].complete == false);
  period();
  CHECK(locked() == web_both);
  CHECK(excepted() == web_both);
  CHECK(ready() == "Ready: all 2 machine(s) are locked, proven by a read of their NSGs");

  SECTION("one that comes is locked within a period") {
    add("web-3", "10.0.0.7", "web");
    period();
    CHECK(locked() == "10.0.0.4/31 10.0.0.7/32 ");
  }
  SECTION("what a list leaves out stays locked") {
    cloud.hidden = {model::resource_key(id_of("web-1")), model::resource_key(id_of("web-2"))};
    period();
    period();
    CHECK(locked() == web_both);
  }
  SECTION("one whose tag was taken away goes, once it was read itself") {
    machine("web-2").tags.clear();
    period();
    CHECK(locked() == "10.0.0.4/32 ");
    CHECK(excepted() == "10.0.0.4/32 ");
  }
  SECTION("one that cannot be read stays locked") {
    machine("web-2").tags.clear();
    cloud.fail_always["read_machine"] = {.kind = Error::Kind::forbidden, .message = "403"};
    period();
    CHECK(locked() == web_both);
  }
  SECTION("one that is deleted goes after the second 404") {
    cloud.machines.erase(model::resource_key(id_of("web-2")));
    period();
    CHECK(locked() == web_both);
    clock.advance(missing_believed_after);
    look();
    CHECK(world.groups.at(key).dirty);  // it is planned without waiting
    write();
    CHECK(locked() == "10.0.0.4/32 ");
  }
  SECTION("an address that a machine lost is let go, the new one locked") {
    machine("web-2").paths[0].address = prefix("10.0.0.9");
    period();
    CHECK(locked() == "10.0.0.4/32 10.0.0.9/32 ");
  }
  SECTION("a selector that fits less lets go of the others only") {
    spec["spec"]["targets"] = {
        {{"selector", {{"resourceGroup", "web"}, {"tags", {{"name", "one"}}}}}}};
    spec["metadata"]["generation"] = 2;
    machine("web-1").tags.emplace_back("Name", "one");
    put(world.stores.policies, spec);
    look();
    period();
    CHECK(locked() == "10.0.0.4/32 ");
  }
}

TEST_CASE_METHOD(Fixture, "after a restart nobody is unlocked because nobody can see it",
                 "[selection]") {
  period();
  REQUIRE(locked() == web_both);
  restart();
  cloud.hidden = {model::resource_key(id_of("web-2"))};

  SECTION("the status tells whom to ask about") {
    period();
    CHECK(locked() == web_both);
    CHECK(world.policy_views["team-a/prod-ssh"].targets.size() == 2);
    machine("web-2").tags.clear();
    period();
    CHECK(locked() == "10.0.0.4/32 ");
  }
  SECTION("without the status its address stays as it is, and its exception does") {
    status = json::object();
    period();
    CHECK(world.policy_views["team-a/prod-ssh"].targets.size() == 1);
    CHECK(locked() == web_both);
    CHECK(excepted() == web_both);
  }
  SECTION("a status that names others locks nobody else") {
    status["targets"] = {{{"resourceID", id_of("db-1")}, {"state", "Locked"}},
                         {{"resourceID", "nonsense"}, {"state", "Locked"}},
                         {{"resourceID", nsg}, {"state", "Locked"}}};
    period();
    CHECK(locked() == web_both);
    CHECK(world.policy_views["team-a/prod-ssh"].targets.size() == 1);
  }
}

TEST_CASE_METHOD(Fixture, "a selection that cannot be had is told", "[selection]") {
  SECTION("nothing fits") {
    spec["spec"]["targets"][0]["selector"]["tags"]["Tier"] = "wbe";
    put(world.stores.policies, spec);
    period();
    CHECK(ready() ==
          "NothingSelected: the selector of resource group \"web\", tag Tier=wbe fits no machine "
          "that the account can see");
  }
  SECTION("the list fails") {
    cloud.fail_always["take_inventory"] = {.kind = Error::Kind::forbidden, .message = "403 no"};
    period();
    CHECK(ready() ==
          "CloudError: the machines of the selector of resource group \"web\", tag Tier=web "
          "cannot be listed: 403 no");
  }
  SECTION("the list fails for long after it was there") {
    period();
    REQUIRE(ready().starts_with("Ready"));
    const std::string listed = format_rfc3339(*world.inventories.at("prod").listed_at);
    cloud.fail_always["take_inventory"] = {.kind = Error::Kind::forbidden, .message = "403 no"};
    period();
    CHECK(ready().starts_with("Ready"));
    period();
    CHECK(ready() ==
          "CloudError: the machines of the selector of resource group \"web\", tag Tier=web were "
          "last listed at " +
              listed + ", those that came since are not locked: 403 no");
    cloud.fail_always.clear();
    period();
    CHECK(ready().starts_with("Ready"));
  }
  SECTION("the resource group is not the namespace's") {
    spec["spec"]["targets"][0]["selector"]["resourceGroup"] = "net";
    put(world.stores.policies, spec);
    period();
    CHECK(ready() ==
          "OutOfScope: CloudAccount \"prod\" does not give resource group \"net\" to "
          "namespace \"team-a\"");
    CHECK(std::ranges::count(cloud.calls, "read_machine") == 0);
  }
}

TEST_CASE_METHOD(Fixture, "a grant ends with the tags that it stands on", "[selection]") {
  period();
  grant();
  const auto verdict = world.stores.verdicts.find("team-a/request");
  CHECK(world.is_live(*verdict));
  machine("web-1").tags.clear();
  period();
  CHECK_FALSE(world.is_live(*verdict));
  REQUIRE(world.early_end(*verdict));
  CHECK(world.early_end(*verdict)->message ==
        "the tags of machine " + vm + " no longer fit the policy");
}

TEST_CASE_METHOD(Fixture, "an older policy's selector claims what its tags fit", "[selection]") {
  period();
  json younger = policy();
  younger["metadata"]["name"] = "lax";
  younger["metadata"]["uid"] = "lax";
  younger["metadata"]["creationTimestamp"] = format_rfc3339(clock.now());
  younger["metadata"]["finalizers"] = {model::finalizer};
  simdjson::dom::parser parser;
  const auto claims = [&](const char* name) {
    younger["spec"]["targets"][0]["virtualMachine"]["name"] = name;
    const auto& store = world.stores.policies;
    world.stores.policies.put(parser.parse(younger.dump()).value());
    (void)test::run(io, clock, policies.reconcile("team-a/lax"));
    (void)store;
    return world.policy_views["team-a/lax"].targets.at(0).state ==
           plan::TargetState::State::conflict;
  };
  CHECK(claims("web-1"));
  CHECK_FALSE(claims("db-1"));
}

}  // namespace
}  // namespace portcullis::controllers
