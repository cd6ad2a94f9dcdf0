#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/account.hpp"
#include "model/policy.hpp"
#include "model/request.hpp"
#include "plan/limits.hpp"
#include "plan/target_state.hpp"

namespace portcullis::plan {

/// All that a decision is made of. Pointers may be null: not there, or there and not understood.
struct Case {
  const model::AccessRequest& request;
  const model::JitPolicy* policy = nullptr;
  const model::CloudAccount* account = nullptr;
  std::string policy_error{};              ///< why it cannot be understood; empty: it is not there
  std::string account_error{};             ///< likewise
  std::span<const TargetState> targets{};  ///< of the policy
  bool targets_current = false;    ///< they were looked at under the policy's current generation
  bool waited_for_policy = false;  ///< it was seen to wait for its policy while it was in time
  Usage usage{};
  std::vector<std::string> denied_by{};  ///< who filed a Deny, each once
  TimePoint now{};
};

/// What to do with a request. Reason and message go to condition, verdict, Event and log alike.
struct Decision {
  enum class Kind : std::uint8_t {
    wait,    ///< something is missing that may still come; again when it does, or at `again_at`
    refuse,  ///< final
    grant,   ///< final, if the authorizer agrees
  };

  Kind kind = Kind::wait;
  std::string reason;
  std::string message;
  std::vector<model::AccessVerdict::Target> targets{};  ///< frozen into the verdict
  std::optional<TimePoint> again_at{};
};

/// Whether the request is, in its usual time, to wait for what its policy is not: there,
/// understood, with an account, the asked machines locked. Later that is no news to anybody who
/// asked.
bool waits_for_policy(const Case& the_case, const Decision& decision);

/// Runs the checks in their order; the first that has something to say decides. A grant is never
/// more than the request asks and the policy allows. Undecided it is refused when its time is over:
/// the policy's `approval.timeout`, or an hour if that is more and the policy is, or was seen to
/// be, not ready for it. Pure.
Decision decide(const Case& the_case);

}  // namespace portcullis::plan
