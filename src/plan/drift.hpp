#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan/rule_plan.hpp"

namespace portcullis::plan {

/// Rules of ours as a reading showed them, each standing as it was wanted, by name in lower case.
using Standing = std::map<std::string, WantedRule>;

/// A rule of ours that somebody else changed or removed while it was wanted.
struct Drift {
  WantedRule before{};
  std::optional<model::SecurityRule> after{};  ///< nothing: removed
  bool widened = false;                        ///< it may let somebody in whom it did not
};

/// What stands as wanted. Whoever writes a rule takes it out before: what comes then is our doing.
Standing standing_rules(const RulePlan& plan, const model::SecurityGroup& actual);

/// Compares what stood with what a new reading shows. Rules that nobody wants any more by then have
/// not drifted, whatever became of them. Pure.
std::vector<Drift> find_drift(const Standing& stood, const RulePlan& plan,
                              const model::SecurityGroup& actual);

/// "source was 203.0.113.7/32, is any; priority was 130, is 110", or "it was removed". Bounded.
std::string words(const Drift& drift);

}  // namespace portcullis::plan
