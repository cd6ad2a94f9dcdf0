#include "api/decode.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "api/reader.hpp"
#include "api/status_hash.hpp"
#include "model/resource_id.hpp"

namespace portcullis::api {
namespace {

using model::PortRange;
using model::Protocol;

template <typename Decode>
auto guarded(simdjson::dom::element object, Decode decode)
    -> Result<decltype(decode(std::declval<Reader>()))> {
  try {
    return decode(Reader(object, ""));
  } catch (const BadField& bad) {
    return fail(Error::Kind::malformed, bad.what());
  } catch (const nlohmann::json::exception& bad) {
    return fail(Error::Kind::malformed, std::string("status: ") + bad.what());
  }
}

model::Meta read_meta(const Reader& object) {
  const Reader meta = object.object("metadata");
  return {.ns = meta.text_or("namespace", ""),
          .name = meta.text("name"),
          .uid = meta.text("uid"),
          .resource_version = meta.text("resourceVersion"),
          .generation = meta.integer_or("generation", 0),
          .created = meta.time("creationTimestamp"),
          .deleting = meta.has("deletionTimestamp"),
          .finalizers = meta.texts("finalizers")};
}

model::Truth read_truth(const Reader& condition) {
  const std::string text = condition.text("status");
  if (text == "True") return model::Truth::yes;
  if (text == "False") return model::Truth::no;
  return model::Truth::unknown;
}

/// Whatever stands in a status must not keep the object out: it is a cache that gets repaired.
model::SeenStatus read_status(const Reader& object) {
  model::SeenStatus seen;
  try {
    const auto status = object.object_if("status");
    if (!status) return seen;
    const auto json = nlohmann::json::parse(simdjson::minify(status->element()));
    seen.hash = status_hash(json);
    seen.state = status->text_or("state", "");
    seen.opened_at = status->time_if("openedAt");
    seen.closed_at = status->time_if("closedAt");
    status->each("conditions", [&](const Reader& condition) {
      seen.changes.push_back({.type = condition.text("type"),
                              .status = read_truth(condition),
                              .changed = condition.time("lastTransitionTime")});
      if (condition.text("type") != "Drifted" || read_truth(condition) != model::Truth::yes) return;
      seen.drift = {.reason = condition.text("reason"),
                    .message = condition.text_or("message", "")};
    });
  } catch (const BadField&) {
    // Kept as far as it could be read; the hash differs from any we write, so it is written anew.
    seen.hash = 0;
  }
  return seen;
}

std::uint16_t read_port(const Reader& object, std::string_view field) {
  const auto number = object.integer(field);
  if (number < 1 || number > std::numeric_limits<std::uint16_t>::max()) {
    object.reject(field, "must be 1 to 65535, is " + std::to_string(number));
  }
  return static_cast<std::uint16_t>(number);
}

PortRange read_range(const Reader& object) {
  PortRange range;
  range.first = read_port(object, "port");
  range.last = object.has("endPort") ? read_port(object, "endPort") : range.first;
  if (range.last < range.first) object.reject("endPort", "is below port");
  return range;
}

Protocol read_protocol(const Reader& object, std::string_view fallback) {
  const std::string text = object.text_or("protocol", fallback);
  if (text == "TCP") return Protocol::tcp;
  if (text == "UDP") return Protocol::udp;
  if (text == "Any") return Protocol::any;
  object.reject("protocol", "must be TCP, UDP or Any, is " + text);
}

std::vector<model::PortSelection> read_selections(const Reader& spec) {
  std::vector<model::PortSelection> out;
  spec.each("ports", [&](const Reader& port) {
    out.push_back({.range = read_range(port), .protocol = read_protocol(port, "TCP")});
  });
  return out;
}

model::Band read_band(const Reader& spec, std::string_view name, model::Band fallback) {
  const auto bands = spec.object_if("priorities");
  const auto band = bands ? bands->object_if(name) : std::nullopt;
  if (!band) return fallback;
  const auto from = band->integer("from");
  const auto to = band->integer("to");
  if (from < 100 || to > 4096 || from > to) {
    band->reject("from", "must be a range inside 100 to 4096");
  }
  return {.from = static_cast<int>(from), .to = static_cast<int>(to)};
}

model::Credential read_credential(const Reader& azure) {
  const std::string text = azure.text_or("credential", "WorkloadIdentity");
  if (text == "WorkloadIdentity") return model::Credential::workload_identity;
  if (text == "ManagedIdentity") return model::Credential::managed_identity;
  if (text == "ClientSecret") return model::Credential::client_secret;
  azure.reject("credential", "is unknown: " + text);
}

model::CloudAccount read_account(const Reader& object) {
  model::CloudAccount account;
  account.meta = read_meta(object);
  account.status = read_status(object);
  const Reader spec = object.object("spec");
  if (spec.text("provider") != "Azure") spec.reject("provider", "must be Azure");
  const Reader azure = spec.object("azure");
  account.subscription = azure.text("subscriptionID");
  account.tenant = azure.text("tenantID");
  account.environment = azure.text_or("environment", "AzurePublic");
  account.credential = read_credential(azure);
  account.client_id = azure.text_or("clientID", "");
  spec.each("access", [&](const Reader& entry) {
    account.access.push_back({.namespaces = entry.texts("namespaces"),
                              .resource_groups = entry.texts("resourceGroups")});
  });
  spec.refuse_empty("networkResourceGroups", "those of the machines");
  account.network_resource_groups = spec.texts("networkResourceGroups");
  const model::Bands standard;
  account.priorities = {.shutters = read_band(spec, "shutters", standard.shutters),
                        .grants = read_band(spec, "grants", standard.grants),
                        .locks = read_band(spec, "locks", standard.locks)};
  account.freeze = spec.flag_or("freeze", false);
  account.delete_orphans = spec.text_or("orphans", "Delete") == "Delete";
  return account;
}

model::PolicyPort read_policy_port(const Reader& port) {
  model::PolicyPort out;
  out.range = read_range(port);
  out.protocol = read_protocol(port, "TCP");
  out.max_duration = port.duration_or("maxDuration", std::chrono::hours(3));
  port.refuse_empty("allowedSources", "any");
  out.allowed_sources = port.prefixes("allowedSources");
  if (const auto lengths = port.object_if("minPrefixLength")) {
    out.min_prefix_ipv4 = static_cast<int>(lengths->integer_or("ipv4", 32));
    out.min_prefix_ipv6 = static_cast<int>(lengths->integer_or("ipv6", 128));
  }
  port.each("exceptions", [&](const Reader& exception) {
    out.exceptions.push_back({.sources = exception.prefixes("sources"),
                              .service_tag = exception.text_or("serviceTag", ""),
                              .reason = exception.text_or("reason", "")});
  });
  return out;
}

model::PolicyTarget read_target(const Reader& target) {
  model::PolicyTarget out;
  if (const auto machine = target.object_if("virtualMachine")) {
    out.resource_group = machine->text("resourceGroup");
    out.name = machine->text("name");
    return out;
  }
  const Reader selector = target.object("selector");
  out.resource_group = selector.text_or("resourceGroup", "");
  selector.each_member("tags", [&](std::string_view key, simdjson::dom::element value) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) selector.reject("tags", "must map text to text");
    out.tags.emplace_back(key, text);
  });
  return out;
}

/// The cloud compares names without regard to case: two spellings are one machine, not two.
bool is_same_machine(const model::PolicyTarget& a, const model::PolicyTarget& b) {
  return !a.name.empty() && model::ascii_lower(a.name) == model::ascii_lower(b.name) &&
         model::ascii_lower(a.resource_group) == model::ascii_lower(b.resource_group);
}

std::vector<model::PolicyTarget> read_targets(const Reader& spec) {
  std::vector<model::PolicyTarget> out;
  spec.each("targets", [&](const Reader& target) {
    auto read = read_target(target);
    const bool known = std::ranges::any_of(
        out, [&](const model::PolicyTarget& other) { return is_same_machine(read, other); });
    if (!known) out.push_back(std::move(read));
  });
  return out;
}

std::optional<int> integer_if(const Reader& object, std::string_view field) {
  if (!object.has(field)) return std::nullopt;
  return static_cast<int>(object.integer(field));
}

model::JitPolicy read_policy(const Reader& object) {
  model::JitPolicy policy;
  policy.meta = read_meta(object);
  policy.status = read_status(object);
  const Reader spec = object.object("spec");
  policy.account = spec.object("accountRef").text("name");
  policy.targets = read_targets(spec);
  spec.each("ports", [&](const Reader& port) { policy.ports.push_back(read_policy_port(port)); });
  const std::string enforcement = spec.text("enforcement");
  if (enforcement != "Enforce" && enforcement != "Audit") {
    spec.reject("enforcement", "must be Enforce or Audit, is " + enforcement);
  }
  policy.enforce = enforcement == "Enforce";
  if (const auto approval = spec.object_if("approval")) {
    policy.approval.required = static_cast<int>(approval->integer_or("required", 0));
    policy.approval.denials = static_cast<int>(approval->integer_or("denials", 1));
    if (approval->has("timeout")) policy.approval.timeout = approval->duration("timeout");
    policy.approval.contact = approval->text_or("contact", "");
  }
  policy.allow_service_accounts = spec.text_or("serviceAccounts", "Refuse") == "Allow";
  if (const auto reason = spec.object_if("reason")) {
    policy.reason_required = reason->flag_or("required", false);
    policy.reason_pattern = reason->text_or("pattern", "");
  }
  if (const auto limits = spec.object_if("limits")) {
    policy.limits.active_per_requester = integer_if(*limits, "activePerRequester");
    policy.limits.active = integer_if(*limits, "active");
    if (limits->has("totalDuration")) {
      policy.limits.total_duration = limits->duration("totalDuration");
    }
  }
  policy.max_ahead = spec.duration_or("maxAhead", std::chrono::hours(24));
  policy.suspend = spec.flag_or("suspend", false);
  policy.keep_locks = spec.text_or("onDelete", "Unlock") == "KeepLocks";
  policy.on_drift = spec.text_or("onDrift", "Correct");
  policy.retain_for = spec.text_or("retainFor", "168h");
  return policy;
}

model::Identity read_identity(const Reader& object) {
  model::Identity identity{.username = object.text_or("username", ""),
                           .uid = object.text_or("uid", ""),
                           .groups = object.texts("groups")};
  object.each_member("extra", [&](std::string_view key, simdjson::dom::element value) {
    simdjson::dom::array values;
    if (value.get(values) != simdjson::SUCCESS) object.reject("extra", "must map text to lists");
    auto& out = identity.extra[std::string(key)];
    for (const simdjson::dom::element item : values) {
      std::string_view text;
      if (item.get(text) != simdjson::SUCCESS) object.reject("extra", "must hold strings");
      out.emplace_back(text);
    }
  });
  return identity;
}

model::AccessRequest read_request(const Reader& object) {
  model::AccessRequest request;
  request.meta = read_meta(object);
  request.status = read_status(object);
  const Reader spec = object.object("spec");
  request.policy = spec.object("policyRef").text("name");
  request.targets = spec.texts("targets");
  request.ports = read_selections(spec);
  request.sources = spec.prefixes("sources");
  request.duration = spec.duration("duration");
  request.reason = spec.text_or("reason", "");
  request.start_at = spec.time_if("startAt");
  request.extends = spec.has("extends");
  request.break_glass = spec.flag_or("breakGlass", false);
  request.plan_only = spec.flag_or("planOnly", false);
  request.revoke = spec.flag_or("revoke", false);
  if (const auto requester = spec.object_if("requester")) {
    request.requester = read_identity(*requester);
  }
  return request;
}

model::AccessDecision read_decision(const Reader& object) {
  model::AccessDecision decision;
  decision.meta = read_meta(object);
  const Reader spec = object.object("spec");
  const Reader request = spec.object("requestRef");
  decision.request_name = request.text("name");
  decision.request_uid = request.text("uid");
  decision.policy_name = spec.text("policyName");
  decision.decision = spec.text("decision");
  decision.reason = spec.text_or("reason", "");
  if (const auto author = spec.object_if("author")) decision.author = read_identity(*author);
  return decision;
}

model::AccessVerdict read_verdict(const Reader& object) {
  model::AccessVerdict verdict;
  verdict.meta = read_meta(object);
  const Reader spec = object.object("spec");
  verdict.by = spec.text_or("by", "");
  const std::string outcome = spec.text("outcome");
  if (outcome != "Granted" && outcome != "Refused") {
    spec.reject("outcome", "must be Granted or Refused, is " + outcome);
  }
  verdict.granted = outcome == "Granted";
  verdict.reason = spec.text("reason");
  verdict.message = spec.text_or("message", "");
  const Reader request = spec.object("requestRef");
  verdict.request_name = request.text("name");
  verdict.request_uid = request.text("uid");
  verdict.requester = spec.text_or("requester", "");
  if (const auto policy = spec.object_if("policy")) {
    verdict.policy_name = policy->text("name");
    verdict.policy_uid = policy->text_or("uid", "");
    verdict.policy_generation = policy->integer_or("generation", 0);
  }
  spec.each("targets", [&](const Reader& target) {
    verdict.targets.push_back(
        {.resource_id = target.text("resourceID"), .vm_id = target.text_or("vmID", "")});
  });
  verdict.ports = read_selections(spec);
  verdict.sources = spec.prefixes("sources");
  verdict.duration = spec.duration_or("duration", Duration{0});
  verdict.start_at = spec.time_if("startAt");
  verdict.retain_for = spec.text_or("retainFor", "");
  if (const auto ended = spec.object_if("ended")) {
    verdict.ended = model::AccessVerdict::End{.at = ended->time("at"),
                                              .reason = ended->text("reason"),
                                              .by = ended->text_or("by", ""),
                                              .message = ended->text_or("message", "")};
  }
  return verdict;
}

}  // namespace

Result<model::CloudAccount> decode_account(simdjson::dom::element object) {
  return guarded(object, read_account);
}

Result<model::JitPolicy> decode_policy(simdjson::dom::element object) {
  return guarded(object, read_policy);
}

Result<model::AccessRequest> decode_request(simdjson::dom::element object) {
  return guarded(object, read_request);
}

Result<model::AccessVerdict> decode_verdict(simdjson::dom::element object) {
  return guarded(object, read_verdict);
}

Result<model::AccessDecision> decode_decision(simdjson::dom::element object) {
  return guarded(object, read_decision);
}

std::string key_of(simdjson::dom::element object) {
  std::string_view ns;
  std::string_view name;
  if (object["metadata"]["namespace"].get(ns) != simdjson::SUCCESS) ns = {};
  if (object["metadata"]["name"].get(name) != simdjson::SUCCESS) name = {};
  return ns.empty() ? std::string(name) : std::string(ns) + "/" + std::string(name);
}

namespace {

template <typename Decode>
auto parse(const std::string& json, Decode decode) -> decltype(decode(simdjson::dom::element())) {
  simdjson::dom::parser parser;
  simdjson::dom::element object;
  if (parser.parse(json).get(object) != simdjson::SUCCESS) {
    return fail(Error::Kind::malformed, "the answer is no JSON");
  }
  return decode(object);
}

}  // namespace

Result<model::AccessVerdict> parse_verdict(const std::string& json) {
  return parse(json, decode_verdict);
}

Result<model::AccessRequest> parse_request(const std::string& json) {
  return parse(json, decode_request);
}

}  // namespace portcullis::api
