#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan/proposals.hpp"
#include "plan/rule_plan.hpp"

namespace portcullis::plan {

/// Turns placed proposals into the ordered changes of the plan, within the group's limits, and adds
/// the problems of what had to be left out. Returns the rules of ours as they are afterwards, by
/// name in lower case.
std::map<std::string, model::SecurityRule> write_changes(const std::vector<Proposal>& proposals,
                                                         const model::SecurityGroup& actual,
                                                         const GroupDesired& desired,
                                                         RulePlan& plan);

}  // namespace portcullis::plan
