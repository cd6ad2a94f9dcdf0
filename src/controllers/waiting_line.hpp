#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "base/time.hpp"

namespace portcullis::controllers {

/// Gives each who waits for a budget a time of its own, one behind the other, by what it wants to
/// send. Were thousands to try again whenever their waits are over, they would use up the readings
/// that a try takes.
class WaitingLine {
 public:
  /// `pace`: for one call.
  explicit WaitingLine(Duration pace) : pace_(pace) {}

  /// The turn of `who`: the one it has if that is still to come, however often it asks, else one
  /// behind all others and not before `opens`.
  TimePoint turn(const std::string& who, TimePoint now, TimePoint opens, std::size_t calls);

  /// Waits no longer, or not for this. Behind the last who does the line ends.
  void leave(const std::string& who);

 private:
  Duration pace_;
  std::map<std::string, TimePoint> turns_;
  std::multiset<TimePoint> times_;  ///< the same
};

}  // namespace portcullis::controllers
