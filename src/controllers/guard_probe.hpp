#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "kube/user_info.hpp"

namespace portcullis::controllers {

// The operator may request the first of these (RBAC) and not the second; neither exists.
inline constexpr const char* allowed_policy = "portcullis-guard-probe";
inline constexpr const char* denied_policy = "portcullis-guard-denied";

/// Somebody who is nobody.
kube::UserInfo forged_requester();

/// A request under that name, valid in every field, so that only a guard can refuse it. To be
/// created as a dry run.
nlohmann::json probe_request(const char* policy, const kube::UserInfo& requester);

/// What the answer to a probe tells.
struct ProbeOutcome {
  std::string problem{};              ///< empty unless the guards were seen not to work
  std::optional<Error> unanswered{};  ///< something else answered: nothing was learned
};

/// Of a request for `denied_policy`: it must be refused by the policy, for the verb.
ProbeOutcome judge_denied(const Result<nlohmann::json>& answer);

/// Of a request for `allowed_policy` under a forged name: it must come back stamped with the name
/// of who asked, or be refused by the policy for that name.
ProbeOutcome judge_forged(const Result<nlohmann::json>& answer, const std::string& true_name);

}  // namespace portcullis::controllers
