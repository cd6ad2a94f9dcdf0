#include <algorithm>

#include "api/decode.hpp"
#include "api/decode_parts.hpp"
#include "model/resource_id.hpp"

namespace portcullis::api {
namespace {

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
  if (selector.has("tags") && out.tags.empty()) selector.reject("tags", "must not be empty");
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

}  // namespace

Result<model::JitPolicy> decode_policy(simdjson::dom::element object) {
  return guarded(object, read_policy);
}

}  // namespace portcullis::api
