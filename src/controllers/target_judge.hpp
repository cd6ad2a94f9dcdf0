#pragma once

#include <optional>
#include <set>
#include <string>

#include "controllers/world.hpp"

namespace portcullis::controllers {

/// What the groups, as last read, prove about one machine of a policy: sets state, message, groups
/// and cut. `target.machine` is a complete reading.
void judge_target(const World& world, const model::CloudAccount& account,
                  const model::JitPolicy& policy, plan::TargetState& target);

/// An older live policy that has this machine and one of these ports; null if there is none.
const model::JitPolicy* older_claim(const World& world, const model::JitPolicy& policy,
                                    const std::string& machine_id);

/// All ports on which such policies decide about the machine.
std::vector<model::PolicyPort> ports_decided_before(const World& world,
                                                    const model::JitPolicy& policy,
                                                    const std::string& machine_id);

/// The same for what was granted: one that has one of its machines with one of its ports.
const model::JitPolicy* older_claim(const World& world, const model::AccessVerdict& verdict);

/// A sentence about a policy that cannot be read and may be an older claim to one of these machines
/// (ids or keys): accounts let its namespace have them. Nothing: there is none.
std::optional<std::string> what_may_claim(const World& world,
                                          const std::set<std::string>& machines);
/// Likewise to any machine of the subscription.
std::optional<std::string> what_may_claim_in(const World& world, const std::string& subscription);

}  // namespace portcullis::controllers
