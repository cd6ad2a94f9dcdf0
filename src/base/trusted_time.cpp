#include "base/trusted_time.hpp"

#include <algorithm>

namespace portcullis {

TrustedTime::Heard TrustedTime::observe(TimePoint date, std::string_view origin, BootTime boot) {
  const Duration offset = date.time_since_epoch() - boot.time_since_epoch();
  auto known = latest_.find(origin);
  const bool was_doubted = known != latest_.end() && known->second.offset > agreed_ + doubted_ahead;
  if (known == latest_.end()) known = latest_.emplace(origin, Stated{}).first;
  known->second = {.offset = offset, .heard_at = boot};
  for (const auto& [other, stated] : latest_) {
    if (other == origin || std::chrono::abs(stated.offset - offset) > agreement) continue;
    agreed_ = std::max(agreed_, std::min(stated.offset, offset));
  }

  if (offset > agreed_ + doubted_ahead) return was_doubted ? Heard::nothing_new : Heard::doubted;
  if (!has_good_date_) {
    has_good_date_ = true;
    agreed_ = offset_ = offset;
    return Heard::moved;
  }
  if (offset <= offset_) return Heard::nothing_new;
  offset_ = offset;
  return Heard::moved;
}

std::optional<TimePoint> TrustedTime::latest_stated(BootTime boot) const {
  if (latest_.empty()) return std::nullopt;
  const auto latest = std::ranges::max_element(
      latest_, {}, [](const auto& stated) { return stated.second.offset; });
  return TimePoint(boot.time_since_epoch() + latest->second.offset);
}

Duration TrustedTime::largest_skew(TimePoint wall, BootTime boot) const {
  Duration largest{0};
  for (const auto& [origin, skew] : skews(wall, boot)) {
    if (std::chrono::abs(skew) > std::chrono::abs(largest)) largest = skew;
  }
  return largest;
}

std::map<std::string, Duration> TrustedTime::skews(TimePoint wall, BootTime boot) const {
  const Duration wall_offset = wall.time_since_epoch() - boot.time_since_epoch();
  std::map<std::string, Duration> out;
  for (const auto& [origin, stated] : latest_) {
    if (boot - stated.heard_at <= counts_for) out.emplace(origin, stated.offset - wall_offset);
  }
  return out;
}

}  // namespace portcullis
