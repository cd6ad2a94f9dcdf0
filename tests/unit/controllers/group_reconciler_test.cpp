#include "controllers/group_reconciler.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "api/encode.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_provider.hpp"
#include "support/fake_transport.hpp"

using namespace std::chrono_literals;
using nlohmann::json;

namespace portcullis::controllers {
namespace {

const std::string sub = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/";
const std::string nsg = sub + "net/providers/Microsoft.Network/networkSecurityGroups/nsg-web";
const std::string vm = sub + "web/providers/Microsoft.Compute/virtualMachines/web-1";
const std::string key = model::resource_key(nsg);
const std::string me = "operator";

model::Prefix prefix(const char* text) { return *model::parse_prefix(text); }

/// One policy, one machine behind one group, and the API server as a script that knows the
/// verdicts.
struct Fixture {
  test::FakeClock clock;
  test::FakeProvider cloud;
  test::FakeTransport server{clock};
  kube::Client client{server, clock};
  bool leads = true;
  World world{clock,
              [this](const model::CloudAccount&) -> Result<cloud::Provider*> { return &cloud; },
              "abcd1234"};
  GroupReconciler reconciler{world, client, [this] { return leads; }};
  std::optional<Result<runtime::Next>> outcome;
  asio::io_context io;

  Fixture() {
    world.operator_name = me;
    cloud.groups[key] = {.id = nsg,
                         .rules = {{.name = "by-hand",
                                    .priority = 1000,
                                    .access = model::Access::allow,
                                    .source = {.any = true},
                                    .destination = {.any = true},
                                    .destination_ports = {{22, 22}}}},
                         .default_rules = {{.name = "DenyAllInBound",
                                            .priority = 65500,
                                            .source = {.any = true},
                                            .destination = {.any = true},
                                            .destination_ports = {{}}}}};
    model::VirtualMachine machine{
        .id = vm, .vm_id = "vm-1", .name = "web-1", .resource_group = "web"};
    machine.paths = {{.address = prefix("10.0.0.4"), .interface_group = nsg}};
    cloud.machines[model::resource_key(vm)] = machine;
    world.machines[model::resource_key(vm)] = {.machine = machine, .read_at = clock.now()};
    server.serve = [this](const net::Request& request) { return serve(request); };
    put(world.stores.accounts, account());
    put(world.stores.policies, policy());
    put(world.stores.requests, request());
    world.stores.decisions.begin_replace();
    world.stores.decisions.end_replace();
    world.stores.verdicts.begin_replace();
    world.stores.verdicts.end_replace();
    world.account_views["prod"].listed = true;
    plan::TargetState target;
    target.state = plan::TargetState::State::locked;
    target.machine = machine;
    world.policy_views["team-a/prod-ssh"] = {
        .uid = "policy", .generation = 1, .targets = {target}, .complete = true};
    world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  }

  static json meta(const std::string& name, const std::string& uid, TimePoint created) {
    return {{"name", name},    {"namespace", "team-a"},
            {"uid", uid},      {"resourceVersion", "1"},
            {"generation", 1}, {"creationTimestamp", format_rfc3339(created)}};
  }

  json account() const {
    json object = {
        {"metadata", meta("prod", "account", clock.now() - 1h)},
        {"spec",
         {{"provider", "Azure"},
          {"azure",
           {{"subscriptionID", "11111111-1111-4111-8111-111111111111"}, {"tenantID", "t"}}},
          {"access", {{{"namespaces", {"team-a"}}, {"resourceGroups", {"web"}}}}},
          {"networkResourceGroups", {"net"}}}}};
    object["metadata"].erase("namespace");
    return object;
  }

  json policy() const {
    return {{"metadata", meta("prod-ssh", "policy", clock.now() - 1h)},
            {"spec",
             {{"accountRef", {{"name", "prod"}}},
              {"enforcement", "Enforce"},
              {"targets", {{{"virtualMachine", {{"resourceGroup", "web"}, {"name", "web-1"}}}}}},
              {"ports", {{{"port", 22}, {"protocol", "TCP"}, {"maxDuration", "1h"}}}}}}};
  }

  json request() const {
    return {{"metadata", meta("ssh", "request", clock.now())},
            {"spec",
             {{"policyRef", {{"name", "prod-ssh"}}},
              {"ports", {{{"port", 22}}}},
              {"sources", {"203.0.113.7/32"}},
              {"duration", "10m"}}}};
  }

  json verdict() const {
    model::AccessVerdict made;
    made.meta = {.ns = "team-a", .name = "request"};
    made.by = me;
    made.granted = true;
    made.reason = "PolicyAllows";
    made.request_name = "ssh";
    made.request_uid = "request";
    made.policy_name = "prod-ssh";
    made.policy_uid = "policy";
    made.targets = {{.resource_id = vm, .vm_id = "vm-1"}};
    made.ports = {{.range = {22, 22}}};
    made.sources = {prefix("203.0.113.7")};
    made.duration = 10min;
    json object = api::to_json(made);
    object["metadata"] = meta("request", "verdict", clock.now());
    return object;
  }

  template <typename T>
  void put(kube::Store<T>& store, const json& object) {
    simdjson::dom::parser parser;
    store.begin_replace();
    store.put(parser.parse(object.dump()).value());
    store.end_replace();
  }

  json live_verdict;  ///< what the API server says when asked
  json live_request;
  Result<net::Response> serve(const net::Request& asked) const {
    const bool about_request = asked.target.find("/accessrequests/") != std::string::npos;
    const json& object = about_request ? live_request : live_verdict;
    if (object.is_null()) {
      return net::Response{.status = 404, .body = R"({"kind":"Status","reason":"NotFound"})"};
    }
    return net::Response{.status = 200, .body = object.dump()};
  }

  void grant() {
    live_request = request();
    live_verdict = verdict();
    put(world.stores.verdicts, live_verdict);
  }

  Result<runtime::Next> pass() {
    outcome.reset();
    asio::co_spawn(
        io,
        [](Fixture& self) -> Task<void> {
          self.outcome = co_await self.reconciler.reconcile(key);
        }(*this),
        asio::detached);
    test::settle(io);
    REQUIRE(outcome);
    return *outcome;
  }

  std::vector<std::string> kinds() const {
    std::vector<std::string> out;
    for (const auto& rule : cloud.groups.at(key).rules) {
      const auto mark = plan::read_mark(rule, world.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      out.push_back(own != nullptr ? to_string(own->kind) : "foreign");
    }
    return out;
  }
};

using Kinds = std::vector<std::string>;

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

}  // namespace
}  // namespace portcullis::controllers
