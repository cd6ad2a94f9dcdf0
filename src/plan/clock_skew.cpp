#include "plan/clock_skew.hpp"

#include <algorithm>

namespace portcullis::plan {
namespace {

/// Whether the other clocks, two at least, agree with each other.
bool is_alone(std::span<const ClockReading> readings, const ClockReading& one) {
  TimePoint from = TimePoint::max();
  TimePoint to = TimePoint::min();
  std::size_t others = 0;
  for (const auto& reading : readings) {
    if (&reading == &one) continue;
    from = std::min(from, reading.says);
    to = std::max(to, reading.says);
    ++others;
  }
  return others >= 2 && to - from <= told_skew;
}

/// The one that stands against all others is wrong; of two nobody can tell.
std::string who_must_act(std::span<const ClockReading> readings, const ClockReading& earliest,
                         const ClockReading& latest) {
  for (const auto* one : {&earliest, &latest}) {
    if (is_alone(readings, *one)) return one->owner + " has to set it (NTP)";
  }
  return "one of them is wrong: " + earliest.owner + ", or " + latest.owner +
         ", has to set it (NTP)";
}

}  // namespace

ClockView judge_clocks(std::span<const ClockReading> readings, const ClockView& before) {
  if (readings.empty()) return {};
  const auto [earliest, latest] = std::ranges::minmax_element(readings, {}, &ClockReading::says);
  const auto is_over = [](Duration apart, Duration limit, bool was_over) {
    return apart > (was_over ? limit - skew_slack : limit);
  };
  ClockView view{.apart = latest->says - earliest->says};
  view.skewed = is_over(view.apart, told_skew, before.skewed);
  view.stops_openings = is_over(view.apart, most_skew, before.stops_openings);
  view.earliest = earliest->whose;
  view.latest = latest->whose;
  if (!view.skewed) return view;

  const bool same = view.stops_openings == before.stops_openings &&
                    view.earliest == before.earliest && view.latest == before.latest &&
                    std::chrono::abs(view.apart - before.apart) <= skew_slack;
  if (same && before.skewed) return before;
  const Duration apart = std::chrono::floor<std::chrono::seconds>(view.apart);
  view.problem = "the clocks are " + format_duration(apart) + " apart (" +
                 format_duration(told_skew) + " are allowed, over " + format_duration(most_skew) +
                 " nothing is opened): " + earliest->whose + " says " +
                 format_rfc3339(earliest->says) + ", " + latest->whose + " " +
                 format_rfc3339(latest->says) + "; " + who_must_act(readings, *earliest, *latest);
  return view;
}

}  // namespace portcullis::plan
