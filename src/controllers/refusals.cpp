#include "controllers/refusals.hpp"

#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/steady_text.hpp"

namespace portcullis::controllers {
namespace {

bool has_code(const Error& error, const char* code) {
  return model::ascii_lower(error.code) == model::ascii_lower(code);
}

}  // namespace

const char* refusal_reason(const Error& refused) {
  if (has_code(refused, "RequestDisallowedByPolicy") ||
      has_code(refused, "DenyAssignmentAuthorizationFailed")) {
    return plan::reason::denied_by_policy;
  }
  return refused.kind == Error::Kind::locked ? plan::reason::scope_locked
                                             : plan::reason::not_permitted;
}

std::string who_must_act(const Error& refused) {
  if (has_code(refused, "ScopeLocked")) {
    return "whoever set the management lock has to remove it";
  }
  if (has_code(refused, "RequestDisallowedByPolicy")) {
    return "whoever assigned the Azure Policy has to exempt the NSG from it";
  }
  if (has_code(refused, "DenyAssignmentAuthorizationFailed")) {
    return "whoever made the deny assignment has to except the operator's identity from it";
  }
  if (has_code(refused, "ReadOnlyDisabledSubscription")) {
    return "whoever owns the subscription has to enable it again";
  }
  if (refused.kind == Error::Kind::forbidden) {
    return "whoever administers the subscription has to give the operator's identity that right";
  }
  return "";
}

std::string words(const Error& refused) {
  const std::string who = who_must_act(refused);
  return plan::steady_text(refused.message) + (who.empty() ? "" : "; " + who);
}

}  // namespace portcullis::controllers
