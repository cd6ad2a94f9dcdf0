#pragma once

#include <string>
#include <vector>

#include "model/policy.hpp"
#include "model/status.hpp"
#include "plan/target_state.hpp"

namespace portcullis::plan {

/// What a pass found out about a policy.
struct PolicyFindings {
  std::string problem_reason{};  ///< something about the policy as a whole; empty: none
  std::string problem{};
  std::vector<TargetState> targets{};
  std::size_t targets_expected = 0;
  int active_grants = 0;
  std::size_t suspended = 0;  ///< grants that its suspension ended …
  std::size_t closed = 0;     ///< … and those of them that are proven closed
};

/// The whole status of a policy, from data.
model::PolicyStatus describe_policy(const model::JitPolicy& policy, const PolicyFindings& findings);

}  // namespace portcullis::plan
