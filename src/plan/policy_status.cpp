#include "plan/policy_status.hpp"

#include <algorithm>

#include "model/condition_types.hpp"
#include "plan/reasons.hpp"
#include "plan/words.hpp"

namespace portcullis::plan {
namespace {

using model::Truth;
namespace condition_type = model::condition_type;
using State = TargetState::State;

const char* reason_of(State state) {
  switch (state) {
    case State::unresolved:
      return reason::target_not_found;
    case State::unsupported:
      return reason::unsupported;
    case State::locking:
      return reason::locking;
    case State::contended:
      return reason::contended;
    case State::locked:
      return reason::locked;
    case State::bypassed:
      return reason::bypassed;
    case State::unprotected:
      return reason::unprotected;
    case State::out_of_scope:
      return reason::out_of_scope;
    case State::conflict:
      return reason::conflict;
    case State::audited:
      return reason::audited;
  }
  return reason::locking;
}

model::PolicyStatus::Target describe(const TargetState& target) {
  model::PolicyStatus::Target out{.resource_id = target.machine.id,
                                  .vm_id = target.machine.vm_id,
                                  .state = to_string(target.state),
                                  .message = target.message,
                                  .addresses = {},
                                  .groups = target.groups,
                                  .cut = target.cut};
  for (const auto& path : target.machine.paths) {
    const std::string prefix = to_string(path.address);
    out.addresses.push_back(prefix.substr(0, prefix.find('/')));  // an address, as the API says
  }
  return out;
}

}  // namespace

model::PolicyStatus describe_policy(const model::JitPolicy& policy,
                                    const PolicyFindings& findings) {
  model::PolicyStatus status;
  status.active_grants = findings.active_grants;
  const State wanted = policy.enforce ? State::locked : State::audited;
  std::size_t fine = 0;
  const TargetState* worst = nullptr;
  const TargetState* conflicting = nullptr;
  for (const auto& target : findings.targets) {
    status.targets.push_back(describe(target));
    status.targets.back().as_wanted = target.state == wanted;
    if (target.state == wanted) {
      ++fine;
    } else if (worst == nullptr) {
      worst = &target;
    }
    if (target.state == State::conflict) conflicting = &target;
  }
  status.summary = std::to_string(fine) + "/" + std::to_string(findings.targets_expected) +
                   (policy.enforce ? " locked" : " audited");

  const bool all_fine =
      findings.problem.empty() && worst == nullptr && fine == findings.targets_expected;
  std::string why = policy.enforce ? reason::locked : reason::audited;
  std::string message =
      policy.enforce
          ? "all " + std::to_string(fine) + " machine(s) are locked, proven by a read of their NSGs"
          : "looked at " + std::to_string(fine) +
                " machine(s); nothing is changed in Audit, see status.targets";
  if (!findings.problem.empty()) {
    why = findings.problem_reason;
    message = findings.problem;
  } else if (worst != nullptr) {
    why = worst->reason.empty() ? reason_of(worst->state) : worst->reason;
    message = worst->machine.resource_group + "/" + worst->machine.name + ": " + worst->message;
  } else if (!all_fine) {
    why = reason::locking;
    message = "the machines have not all been read yet";
  }
  if (policy.suspend) {
    message += "; suspended, so it grants nothing: " + std::to_string(findings.closed) + " of " +
               std::to_string(findings.suspended) + " grant(s) that this ended are proven closed";
  }
  const auto add = [&](const char* type, bool yes, std::string text_reason, std::string text) {
    status.conditions.push_back({.type = type,
                                 .status = yes ? Truth::yes : Truth::no,
                                 .reason = std::move(text_reason),
                                 .message = std::move(text)});
  };
  add(condition_type::ready, all_fine, all_fine ? reason::ready : why, message);
  add(condition_type::locked, all_fine && policy.enforce, why, message);
  add(condition_type::conflict, conflicting != nullptr,
      conflicting != nullptr ? reason::conflict : reason::no_conflict,
      conflicting != nullptr ? conflicting->message
                             : "no older policy has these machines and ports");
  return status;
}

}  // namespace portcullis::plan
