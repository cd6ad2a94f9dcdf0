#include "controllers/guard_probe.hpp"

#include "api/encode.hpp"

namespace portcullis::controllers {
namespace {

using nlohmann::json;
using nlohmann::literals::operator""_json_pointer;

/// Which the policies leave out as well: these name the credential, not the user.
bool is_of_credential(const std::string& extra) {
  return extra.starts_with("authentication.kubernetes.io/");
}

ProbeOutcome judge_refusal(const Error& error, const char* words) {
  const bool by_policy =
      error.kind == Error::Kind::forbidden &&
      error.message.find("ValidatingAdmissionPolicy 'portcullis-request-create'") !=
          std::string::npos;
  // An answer of anybody else (the authorizer, another policy, the schema) came in between.
  if (!by_policy) return {.unanswered = error};
  if (error.message.find(words) == std::string::npos) return {.problem = error.message};
  return {};
}

}  // namespace

kube::UserInfo forged_requester() {
  return {.username = "portcullis:forged", .uid = "forged", .groups = {"forged"}};
}

json probe_request(const char* policy, const kube::UserInfo& requester) {
  json who = {
      {"username", requester.username}, {"uid", requester.uid}, {"groups", requester.groups}};
  for (const auto& [key, values] : requester.extra) {
    if (!is_of_credential(key)) who["extra"][key] = values;
  }
  return {{"apiVersion", std::string(api::group) + "/" + api::version},
          {"kind", "AccessRequest"},
          {"metadata", {{"name", "portcullis-guard-probe"}}},
          {"spec",
           {{"policyRef", {{"name", policy}}},
            {"targets", {"probe"}},
            {"ports", {{{"port", 22}, {"protocol", "TCP"}}}},
            {"sources", {"192.0.2.1/32"}},
            {"duration", "1m"},
            {"reason", "proves that the admission policies are in force"},
            {"requester", std::move(who)}}}};
}

ProbeOutcome judge_denied(const Result<json>& answer) {
  if (answer) return {.problem = "a request without the verb was let in"};
  return judge_refusal(answer.error(), "lacks the verb");
}

ProbeOutcome judge_forged(const Result<json>& answer, const std::string& true_name) {
  if (!answer) return judge_refusal(answer.error(), "spec.requester.username must be");
  const auto who = answer->value("/spec/requester/username"_json_pointer, std::string());
  if (who != true_name) return {.problem = "a forged requester was let in: " + who};
  return {};
}

}  // namespace portcullis::controllers
