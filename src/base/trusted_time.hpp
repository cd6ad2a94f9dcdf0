#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace portcullis {

/// The time as servers state it, advanced by the boot clock. A value without a clock of its own.
///
/// One server's wrong date would end every grant for good, since time never goes back. So a date
/// more than `doubted_ahead` past the time on which two origins last agreed (at the start: the wall
/// clock) moves nothing until another origin's latest date is within `agreement` of it. The limit
/// is counted from that time and not from `at`, or many small steps would be one large one.
class TrustedTime {
 public:
  static constexpr Duration doubted_ahead = std::chrono::seconds(30);
  static constexpr Duration agreement = std::chrono::seconds(5);
  /// An origin that has said nothing for so long says nothing of the clocks as they are.
  static constexpr Duration counts_for = std::chrono::minutes(15);

  enum class Heard {
    nothing_new,
    moved,    ///< `at` is another time now
    doubted,  ///< too far ahead, for the first time since this origin's last good date
  };

  TrustedTime(TimePoint wall, BootTime boot)
      : offset_(wall.time_since_epoch() - boot.time_since_epoch()), agreed_(offset_) {}

  TimePoint at(BootTime boot) const { return TimePoint(boot.time_since_epoch() + offset_); }

  /// `origin` stated `date` at `boot`. The first good date replaces the wall clock, which may be
  /// ahead of the truth; later ones move time forward only.
  Heard observe(TimePoint date, std::string_view origin, BootTime boot);

  /// The latest that any origin stated, doubted or not; nothing before the first date.
  std::optional<TimePoint> latest_stated(BootTime boot) const;

  /// How far the origins' latest dates, doubted ones too, are from `wall`, which was read at
  /// `boot`: the difference that is largest either way; zero before the first date. Those of whom
  /// nothing was heard for `counts_for` are left out.
  Duration largest_skew(TimePoint wall, BootTime boot) const;

  /// The same for each origin.
  std::map<std::string, Duration> skews(TimePoint wall, BootTime boot) const;

 private:
  Duration offset_;  ///< of time from the boot clock, and so all the others
  Duration agreed_;
  bool has_good_date_ = false;
  struct Stated {
    Duration offset;
    BootTime heard_at;
  };
  std::map<std::string, Stated, std::less<>> latest_;
};

}  // namespace portcullis
