#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/policy.hpp"
#include "model/request.hpp"

namespace portcullis::plan {

/// What the verdicts of a policy add up to, for its limits.
struct Usage {
  int active = 0;  ///< live grants of the policy, scheduled ones included
  int active_of_requester = 0;
  Duration total_of_requester{};  ///< granted in the last 24 hours
  std::string live_request{};     ///< one of the requester's live requests, for the message
};

/// How long a grant counts for `limits.totalDuration` after its end.
inline constexpr Duration total_counts_for = std::chrono::hours(24);

/// The first limit that another grant of that duration would exceed beside these, in a sentence
/// with both values; or nothing.
std::optional<std::string> exceeded_limit(const model::JitPolicy::Limits& limits,
                                          const Usage& usage, const std::string& requester,
                                          Duration duration);

/// One of a policy's grants.
struct Granted {
  const model::AccessVerdict* verdict;
  bool live;  ///< or scheduled; of one that is not, only the time that it was given counts
};

struct Surplus {
  const model::AccessVerdict* verdict;
  std::string message;  ///< the limit, in a sentence with both values
};

/// The live grants that are too many by the limits as they are now, judged in the order in which
/// they were granted (creation, then uid): each beside those before it that may stay. A limit that
/// two grants raced past, or that was lowered, so ends the youngest. Pure.
std::vector<Surplus> find_surplus(const model::JitPolicy::Limits& limits,
                                  std::vector<Granted> granted);

}  // namespace portcullis::plan
