#include "api/decode.hpp"
#include "api/decode_parts.hpp"

namespace portcullis::api {
namespace {

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
  verdict.status = read_status(object);
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
  std::vector<model::GrantedMachine> machines;
  spec.each("targets", [&](const Reader& target) {
    machines.push_back(
        {.resource_id = target.text("resourceID"), .vm_id = target.text_or("vmID", "")});
  });
  verdict.targets = std::move(machines);
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

Result<model::AccessRequest> decode_request(simdjson::dom::element object) {
  return guarded(object, read_request);
}

Result<model::AccessVerdict> decode_verdict(simdjson::dom::element object) {
  return guarded(object, read_verdict);
}

Result<model::AccessDecision> decode_decision(simdjson::dom::element object) {
  return guarded(object, read_decision);
}

}  // namespace portcullis::api
