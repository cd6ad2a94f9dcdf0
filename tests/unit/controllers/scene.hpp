#pragma once

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "api/encode.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "plan/rule_codec.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_provider.hpp"
#include "support/fake_transport.hpp"

namespace portcullis::controllers {

using namespace std::chrono_literals;
using nlohmann::json;

inline const std::string sub =
    "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/";
inline const std::string nsg =
    sub + "net/providers/Microsoft.Network/networkSecurityGroups/nsg-web";
inline const std::string vm = sub + "web/providers/Microsoft.Compute/virtualMachines/web-1";
inline const std::string key = model::resource_key(nsg);
inline const std::string me = "operator";

inline model::Prefix prefix(const char* text) { return *model::parse_prefix(text); }

/// One policy, one machine behind one group, and the API server as a script that knows the
/// verdicts.
struct Scene {
  test::FakeClock clock;
  test::FakeProvider cloud;
  test::FakeTransport server{clock};
  kube::Client client{server, clock};
  std::optional<Error> no_provider;  ///< why the cloud cannot even be asked
  World world{clock,
              [this](const model::CloudAccount&) -> Result<cloud::Provider*> {
                if (no_provider) return fail(*no_provider);
                return &cloud;
              },
              "abcd1234"};

  Scene() {
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
    know_addresses();
    plan::TargetState target;
    target.state = plan::TargetState::State::locked;
    target.machine = machine;
    world.policy_views["team-a/prod-ssh"] = {
        .uid = "policy", .generation = 1, .targets = {target}, .listed = true, .complete = true};
    world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  }

  /// The account's interfaces have been listed, and nothing else: machines are read as they come.
  void know_addresses() { world.inventories["prod"] = {.period = 30s, .listed_at = clock.now()}; }

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
              {"requester", {{"username", "ann"}, {"uid", "ann-1"}, {"groups", {"web"}}}},
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

  /// A policy as the caches show it.
  json shown_policy(const std::string& path) const {
    const auto shown = world.stores.policies.find("team-a/" + path.substr(path.rfind('/') + 1));
    if (!shown) return {};
    json object = {
        {"metadata", {{"uid", shown->meta.uid}, {"generation", shown->meta.generation}}}};
    if (shown->meta.deleting) object["metadata"]["deletionTimestamp"] = format_rfc3339(clock.now());
    return object;
  }

  Result<net::Response> serve(const net::Request& asked) const {
    const auto is_about = [&](const char* kind) {
      return asked.target.find(kind) != std::string::npos;
    };
    const json object = is_about("/accessrequests/") ? live_request
                        : is_about("/jitpolicies/")  ? shown_policy(asked.target)
                                                     : live_verdict;
    if (object.is_null()) {
      return net::Response{.status = 404, .body = R"({"kind":"Status","reason":"NotFound"})"};
    }
    return net::Response{.status = 200, .body = object.dump()};
  }

  /// The kinds of the rules that the cloud has, by priority.
  using Kinds = std::vector<std::string>;
  Kinds kinds() const {
    Kinds out;
    for (const auto& rule : cloud.groups.at(key).rules) {
      const auto mark = plan::read_mark(rule, world.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      out.push_back(own != nullptr ? to_string(own->kind) : "foreign");
    }
    return out;
  }

  /// What a new process knows of the cloud: nothing, but that the account has one group.
  void forget() {
    world.machines.clear();
    world.groups.clear();
    world.policy_views.clear();
    world.touched.clear();
    world.cleared.clear();
    world.opened.clear();
    world.proven_closed.clear();
    world.ended_seen.clear();
    world.stood.clear();
    world.drifted.clear();
    world.policy_drifts.clear();
    world.selections.clear();
    know_addresses();
    world.began = clock.now();
    world.written_status.clear();
    world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  }

  void grant() {
    live_request = request();
    live_verdict = verdict();
    put(world.stores.verdicts, live_verdict);
  }
};

}  // namespace portcullis::controllers
