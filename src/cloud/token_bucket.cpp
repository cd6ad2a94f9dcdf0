#include "cloud/token_bucket.hpp"

#include <algorithm>

namespace portcullis::cloud {
namespace {

constexpr std::int64_t token = 1000;

/// What is kept for closings.
constexpr int share(int whole) { return whole * 2 / 5; }

}  // namespace

const char* to_string(Work work) {
  switch (work) {
    case Work::overdue_closing:
      return "overdue_closing";
    case Work::closing:
      return "closing";
    case Work::lock:
      return "lock";
    case Work::opening:
      return "opening";
    case Work::drift:
      return "drift";
    case Work::survey:
      return "survey";
  }
  return "?";
}

CallLimits scaled(CallLimits limits, int percent) {
  // Below five nothing would be left beside what is kept, or nothing kept.
  const auto part = [percent](int whole) {
    return static_cast<int>(std::max<std::int64_t>(5, std::int64_t{whole} * percent / 100));
  };
  limits.burst = part(limits.burst);
  limits.per_second =
      static_cast<int>(std::max<std::int64_t>(1, std::int64_t{limits.per_second} * percent / 100));
  if (limits.most > 0) limits.most = part(limits.most);
  return limits;
}

TokenBucket::TokenBucket(CallLimits limits) : limits_(limits), level_(limits.burst * token) {}

std::int64_t TokenBucket::level(BootTime now) const {
  // A token a second is one thousandth a millisecond.
  const std::int64_t gained = (now - filled_).count() * limits_.per_second;
  return std::min(limits_.burst * token, level_ + gained);
}

Duration TokenBucket::wait(Work work, BootTime now) const {
  const bool all = is_closing(work);
  const std::int64_t needed = (all ? 1 : 1 + share(limits_.burst)) * token;
  const std::int64_t missing = std::max<std::int64_t>(0, needed - level(now));
  const Duration refill((missing + limits_.per_second - 1) / limits_.per_second);
  if (limits_.most == 0) return refill;

  const auto most = static_cast<std::size_t>(limits_.most - (all ? 0 : share(limits_.most)));
  const auto counted = std::ranges::upper_bound(sent_, now - limits_.window);
  const auto count = static_cast<std::size_t>(sent_.end() - counted);
  if (count < most) return refill;
  const BootTime leaves = *(counted + static_cast<std::ptrdiff_t>(count - most)) + limits_.window;
  return std::max<Duration>(refill, leaves - now);
}

void TokenBucket::take(BootTime now) {
  level_ = level(now) - token;
  filled_ = now;
  if (limits_.most == 0) return;
  while (!sent_.empty() && sent_.front() <= now - limits_.window) sent_.pop_front();
  sent_.push_back(now);
}

}  // namespace portcullis::cloud
