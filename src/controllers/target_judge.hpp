#pragma once

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

}  // namespace portcullis::controllers
