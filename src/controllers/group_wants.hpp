#pragma once

#include <string>

#include "controllers/world.hpp"
#include "plan/rule_wants.hpp"

namespace portcullis::controllers {

/// All that policies and verdicts want of one group, as the caches show it now. Reads only.
plan::GroupDesired gather_wants(const World& world, const model::CloudAccount& account,
                                const std::string& group_key, bool may_write);

/// The ports of a policy, those of one protocol together.
std::map<model::Protocol, std::vector<model::PortRange>> ports_by_protocol(
    const model::JitPolicy& policy);

}  // namespace portcullis::controllers
