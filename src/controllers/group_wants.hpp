#pragma once

#include <set>
#include <string>
#include <vector>

#include "controllers/world.hpp"
#include "plan/rule_wants.hpp"

namespace portcullis::controllers {

/// All that policies and verdicts want of one group, as the caches show it now. Reads only. Whether
/// anything may open now at all (the lease, the clocks) is the caller's to know.
plan::GroupDesired gather_wants(const World& world, const model::CloudAccount& account,
                                const std::string& group_key, bool may_open);

/// Uids of the grants that are over while a rule of the group may still live for them by its mark.
std::set<std::string> grants_over(const World& world, const std::string& group_key);

/// The exceptions of a policy, without owner and destinations.
std::vector<plan::KeepWant> exceptions_of(const model::JitPolicy& policy);

/// The ports of a policy, those of one protocol together.
std::map<model::Protocol, std::vector<model::PortRange>> ports_by_protocol(
    const model::JitPolicy& policy);

}  // namespace portcullis::controllers
