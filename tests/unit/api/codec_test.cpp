#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "api/decode.hpp"
#include "api/encode.hpp"
#include "api/status_hash.hpp"

using namespace std::chrono_literals;
using nlohmann::json;

namespace portcullis::api {
namespace {

const TimePoint t0 = *parse_rfc3339("2026-11-22T12:00:00Z");

json metadata(const std::string& name) {
  return {{"name", name},
          {"namespace", "team-a"},
          {"uid", "u-" + name},
          {"resourceVersion", "7"},
          {"generation", 2},
          {"creationTimestamp", "2026-11-22T12:00:00Z"},
          {"finalizers", {"other/x", "portcullis.dev/close"}}};
}

json request_json() {
  return {{"metadata", metadata("ssh")},
          {"spec",
           {{"policyRef", {{"name", "prod-ssh"}}},
            {"targets", {"web-1"}},
            {"ports", {{{"port", 22}, {"protocol", "TCP"}}, {{"port", 8000}, {"endPort", 8010}}}},
            {"sources", {"203.0.113.7/32", "2001:db8::/64"}},
            {"duration", "1h30m"},
            {"reason", "INC-1"},
            {"startAt", nullptr},
            {"revoke", true},
            {"requester",
             {{"username", "alice"},
              {"uid", "1"},
              {"groups", {"sre"}},
              {"extra", {{"scopes", {"a", "b"}}}}}}}}};
}

/// Decodes while the parser that owns the text lives.
template <typename Decode>
auto decode(const json& object, Decode how) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  REQUIRE(parser.parse(object.dump()).get(element) == simdjson::SUCCESS);
  return how(element);
}

json policy_json() {
  return {{"metadata", metadata("ssh")},
          {"spec",
           {{"accountRef", {{"name", "prod"}}},
            {"targets", {{{"virtualMachine", {{"resourceGroup", "web"}, {"name", "web-1"}}}}}},
            {"ports", {{{"port", 22}}}},
            {"enforcement", "Enforce"}}}};
}

TEST_CASE("one machine in two spellings is one target", "[api]") {
  json object = policy_json();
  const auto add = [&](const char* group, const char* name) {
    object["spec"]["targets"].push_back(
        {{"virtualMachine", {{"resourceGroup", group}, {"name", name}}}});
  };
  add("WEB", "Web-1");
  add("web", "web-2");
  add("other", "web-1");
  for (int i = 0; i < 2; ++i) {
    object["spec"]["targets"].push_back({{"selector", {{"resourceGroup", "web"}}}});
  }
  const auto policy = decode(object, decode_policy);
  REQUIRE(policy);
  REQUIRE(policy->targets.size() == 5);
  CHECK(policy->targets[0].name == "web-1");
  CHECK(policy->targets[1].name == "web-2");
  CHECK(policy->targets[2].resource_group == "other");
}

TEST_CASE("tags that are there and empty do not select every machine", "[api]") {
  json object = policy_json();
  json selector = {{"resourceGroup", "web"}, {"tags", json::object()}};
  object["spec"]["targets"].push_back({{"selector", selector}});
  const auto policy = decode(object, decode_policy);
  REQUIRE_FALSE(policy);
  CHECK(policy.error().message.find("tags: must not be empty") != std::string::npos);
}

TEST_CASE("a list that is there and empty is not the same as none", "[api]") {
  json object = policy_json();
  CHECK(decode(object, decode_policy)->ports[0].allowed_sources.empty());
  object["spec"]["ports"][0]["allowedSources"] = nullptr;
  CHECK(decode(object, decode_policy));
  object["spec"]["ports"][0]["allowedSources"] = json::array();
  CHECK_THAT(decode(object, decode_policy).error().message,
             Catch::Contains("allowedSources") && Catch::Contains("is empty"));
}

TEST_CASE("a request is read whole", "[api]") {
  const auto request = decode(request_json(), decode_request);
  REQUIRE(request);
  CHECK(request->meta.key() == "team-a/ssh");
  CHECK(request->meta.generation == 2);
  CHECK((request->meta.created == t0));
  CHECK(request->meta.has_finalizer(model::finalizer));
  CHECK(request->policy == "prod-ssh");
  REQUIRE(request->ports->size() == 2);
  CHECK((request->ports.get()[1].range == model::PortRange{8000, 8010}));
  CHECK(request->sources.size() == 2);
  CHECK((request->duration == 90min));
  CHECK_FALSE(request->start_at);
  CHECK(request->revoke);
  CHECK(request->requester->username == "alice");
  CHECK(request->requester->extra.at("scopes") == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a value that is not understood is named with its path", "[api]") {
  struct Row {
    const char* pointer;
    json value;
    const char* expected;
  };
  const std::vector<Row> rows = {
      {"/spec/ports/1/port", 0, "spec.ports[1].port"},
      {"/spec/ports/1/port", "22", "spec.ports[1].port"},
      {"/spec/ports/1/endPort", 7999, "spec.ports[1].endPort"},
      {"/spec/ports/0/protocol", "SCTP", "spec.ports[0].protocol"},
      {"/spec/sources/0", "203.0.113.7/33", "spec.sources"},
      {"/spec/sources", "203.0.113.7", "spec.sources"},
      {"/spec/duration", "1d", "spec.duration"},
      {"/spec/startAt", "tomorrow", "spec.startAt"},
      {"/spec/policyRef", nullptr, "spec.policyRef"},
      {"/metadata/uid", nullptr, "metadata.uid"},
      {"/metadata/creationTimestamp", "x", "metadata.creationTimestamp"},
      {"/spec/revoke", "yes", "spec.revoke"},
  };
  for (const Row& row : rows) {
    json object = request_json();
    object[json::json_pointer(row.pointer)] = row.value;
    const auto request = decode(object, decode_request);
    CAPTURE(row.pointer);
    REQUIRE_FALSE(request);
    CHECK(request.error().kind == Error::Kind::malformed);
    CHECK_THAT(request.error().message, Catch::StartsWith(row.expected));
  }
}

TEST_CASE("nonsense in a status keeps no object out", "[api]") {
  for (const json& status :
       {json("text"), json{{"conditions", "x"}}, json{{"openedAt", 5}}, json::array()}) {
    json object = request_json();
    object["status"] = status;
    CHECK(decode(object, decode_request));
  }
}

TEST_CASE("a verdict that is written reads back as itself", "[api]") {
  model::AccessVerdict verdict;
  verdict.meta = {.ns = "team-a", .name = "r-uid", .created = t0};
  verdict.by = "operator";
  verdict.granted = true;
  verdict.reason = "PolicyAllows";
  verdict.message = "fine";
  verdict.request_name = "ssh";
  verdict.request_uid = "r-uid";
  verdict.requester = "alice";
  verdict.policy_name = "prod-ssh";
  verdict.policy_uid = "p-uid";
  verdict.policy_generation = 3;
  verdict.targets = {{.resource_id = "/subscriptions/s", .vm_id = "1"}};
  verdict.ports = {{.range = {8000, 8010}, .protocol = model::Protocol::udp}};
  verdict.sources = {*model::parse_prefix("203.0.113.7")};
  verdict.duration = 45min;
  verdict.start_at = t0 + 1h;
  verdict.retain_for = "168h";
  json object = to_json(verdict);
  object["metadata"].update(
      {{"uid", "v"}, {"resourceVersion", "1"}, {"creationTimestamp", "2026-11-22T12:00:00Z"}});

  const auto read = decode(object, decode_verdict);
  REQUIRE(read);
  CHECK(read->granted);
  CHECK(read->targets == verdict.targets);
  CHECK(read->ports == verdict.ports);
  CHECK(read->sources == verdict.sources);
  CHECK((read->duration == verdict.duration));
  CHECK((read->start_at == verdict.start_at));
  CHECK(read->policy_generation == 3);
}

TEST_CASE("a verdict's status reads back, and is nothing where there is none", "[api]") {
  json object = to_json(model::AccessVerdict{.meta = {.ns = "team-a", .name = "r-uid"},
                                             .reason = "Denied",
                                             .request_name = "ssh",
                                             .request_uid = "r-uid"});
  object["metadata"].update(
      {{"uid", "v"}, {"resourceVersion", "1"}, {"creationTimestamp", "2026-11-22T12:00:00Z"}});
  auto read = decode(object, decode_verdict);
  REQUIRE(read);
  CHECK(read->status.empty());

  const model::VerdictStatus status{
      .conditions = {{.type = "Overdue", .status = model::Truth::yes, .reason = "Overdue"}}};
  object["status"] = to_json(status, read->meta, {}, t0);
  read = decode(object, decode_verdict);
  REQUIRE(read);
  REQUIRE(read->status->changes.size() == 1);
  CHECK(read->status->changes.at(0).type == "Overdue");
  CHECK_FALSE(
      status_patch(to_json(status, read->meta, *read->status, t0 + 1h), read->meta, *read->status));
}

TEST_CASE("a status that stands already is not written again", "[api]") {
  const model::Meta meta{.ns = "team-a", .name = "ssh", .resource_version = "9", .generation = 1};
  const model::RequestStatus status{
      .state = "Active",
      .message = "open",
      .conditions = {{.type = "Ready", .status = model::Truth::yes, .reason = "Open"}},
      .opened_at = t0};
  model::SeenStatus seen;
  const json first = to_json(status, meta, seen, t0);
  const auto patch = status_patch(first, meta, seen);
  REQUIRE(patch);
  CHECK((*patch)["metadata"]["resourceVersion"] == "9");
  // What is not said now must not stay from before.
  CHECK((*patch)["status"]["closedAt"].is_null());

  json object = request_json();
  object["status"] = first;
  const auto request = decode(object, decode_request);
  REQUIRE(request);
  CHECK(request->status.state == "Active");
  CHECK((request->status.opened_at == t0));
  // An hour later, the same data: the transition time stays, so there is nothing to write.
  const json second = to_json(status, meta, request->status, t0 + 1h);
  CHECK(second == first);
  CHECK_FALSE(status_patch(second, meta, request->status));

  // Somebody overwrote it: it is repaired.
  object["status"]["message"] = "open for ever";
  const auto tampered = decode(object, decode_request);
  CHECK(status_patch(second, meta, tampered->status));
}

TEST_CASE("a condition's transition time moves only with its status", "[api]") {
  const model::Meta meta{.name = "x"};
  model::SeenStatus seen;
  seen.changes = {{.type = "Ready", .status = model::Truth::no, .changed = t0}};
  const auto written = [&](model::Truth truth) {
    const model::AccountStatus status{
        .conditions = {{.type = "Ready", .status = truth, .reason = "R", .message = "new"}}};
    return to_json(status, meta, seen, t0 + 1h)["conditions"][0]["lastTransitionTime"];
  };
  CHECK(written(model::Truth::no) == "2026-11-22T12:00:00Z");
  CHECK(written(model::Truth::yes) == "2026-11-22T13:00:00Z");
}

TEST_CASE("a finalizer patch holds only for the list that was seen", "[api]") {
  model::Meta meta{
      .uid = "u", .resource_version = "5", .finalizers = {"other/x", model::finalizer}};
  const json removal = remove_finalizer_patch(meta);
  CHECK(removal[1] ==
        json{{"op", "test"}, {"path", "/metadata/finalizers/1"}, {"value", model::finalizer}});
  CHECK(removal[2] == json{{"op", "remove"}, {"path", "/metadata/finalizers/1"}});
  meta.finalizers = {};
  const json addition = add_finalizer_patch(meta);
  CHECK(addition.dump().find("\"/metadata/resourceVersion\"") != std::string::npos);
}

TEST_CASE("the hash of a status does not depend on order or nulls", "[api]") {
  CHECK(status_hash(json::parse(R"({"a":1,"b":[1,2]})")) ==
        status_hash(json::parse(R"({"b":[1,2],"c":null,"a":1})")));
  CHECK(status_hash(json::parse(R"({"b":[1,2]})")) != status_hash(json::parse(R"({"b":[2,1]})")));
}

}  // namespace
}  // namespace portcullis::api
