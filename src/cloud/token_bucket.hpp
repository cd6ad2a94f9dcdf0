#pragma once

#include <cstdint>
#include <deque>

#include "base/clock.hpp"
#include "cloud/work.hpp"

namespace portcullis::cloud {

/// How many calls of one kind a server takes.
struct CallLimits {
  int burst = 0;       ///< tokens of a full bucket, one a call
  int per_second = 0;  ///< as it is refilled; at least 1
  int most = 0;        ///< besides, in any `window`; 0: no such limit
  Duration window{0};
};

/// What Azure takes of one subscription. Sources: Azure Resource Manager's request limits (token
/// buckets per subscription, as of 2024), and those of the Network provider. It counts PUT and
/// DELETE together, ARM apart: one bucket for both never asks too much of either. The Network
/// provider's limit of reads, 10,000 in five minutes, is beyond what ARM's bucket lets through.
inline constexpr CallLimits azure_reads{.burst = 250, .per_second = 25};
inline constexpr CallLimits azure_writes{
    .burst = 200, .per_second = 10, .most = 1000, .window = std::chrono::minutes(5)};

/// `percent` of them, but never nothing: other clients of the subscription want their part.
CallLimits scaled(CallLimits limits, int percent);

/// Counts calls against such limits. Two fifths of each are kept for closings: nothing else takes
/// the last 40 % of the tokens, or of the window. Pure: time is given, and must not go back.
class TokenBucket {
 public:
  explicit TokenBucket(CallLimits limits);

  /// How long until a call for this may be sent, if no other is sent before; 0: now.
  Duration wait(Work work, BootTime now) const;

  /// A call is sent now. One that did not wait is counted as well, and owed.
  void take(BootTime now);

 private:
  std::int64_t level(BootTime now) const;

  CallLimits limits_;
  std::int64_t level_;  ///< thousandths of tokens at `filled_`
  BootTime filled_{};
  std::deque<BootTime> sent_;  ///< those in the window; empty if there is none
};

}  // namespace portcullis::cloud
