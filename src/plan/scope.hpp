#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/policy.hpp"
#include "model/request.hpp"
#include "plan/target_state.hpp"

namespace portcullis::plan {

/// The machines of a policy that `wanted` names: "web-1", or "group/web-1". Letter case is ignored,
/// as ARM does.
std::vector<const TargetState*> find_targets(std::span<const TargetState> targets,
                                             std::string_view wanted);

/// All that a request names, or all of the policy when it names none.
std::vector<const TargetState*> find_all_targets(std::span<const TargetState> targets,
                                                 const std::vector<std::string>& wanted);

/// The first port of the policy that covers the whole selection; null if none does.
const model::PolicyPort* find_port(const model::JitPolicy& policy,
                                   const model::PortSelection& wanted);

/// Whether every address of `source` is in what the port allows (nothing listed: any).
bool source_allowed(const model::PolicyPort& port, const model::Prefix& source);

/// Whether the policy may have this machine, as far as its id tells: by resource group and name, or
/// by a selector of its group, whatever the tags.
bool may_have_machine(const model::JitPolicy& policy, std::string_view resource_id);

/// Whether the policy has this machine: by resource group and name, or by a selector that its tags
/// fit.
bool has_machine(const model::JitPolicy& policy, const model::VirtualMachine& machine);

/// Whether the selector picks a machine of this id with these tags.
bool selects(const model::PolicyTarget& selector, std::string_view resource_id,
             const model::Tags& tags);

bool has_selector(const model::JitPolicy& policy);

/// Whether two selections have a port and a protocol in common.
bool share_port(const model::PolicyPort& a, const model::PolicyPort& b);

}  // namespace portcullis::plan
