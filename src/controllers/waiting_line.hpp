#pragma once

#include <algorithm>
#include <cstddef>

#include "base/time.hpp"

namespace portcullis::controllers {

/// Gives each who waits for a budget a time of its own, one behind the other, by what it wants to
/// send. Were thousands to try again whenever their waits are over, they would use up the readings
/// that a try takes.
class WaitingLine {
 public:
  /// `pace`: for one call.
  explicit WaitingLine(Duration pace) : pace_(pace) {}

  TimePoint next(TimePoint now, std::size_t calls) {
    last_ = std::max(last_, now) + pace_ * static_cast<Duration::rep>(calls);
    return last_;
  }

 private:
  Duration pace_;
  TimePoint last_{};
};

}  // namespace portcullis::controllers
