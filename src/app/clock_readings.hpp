#pragma once

#include <string>
#include <vector>

#include "base/system_clock.hpp"
#include "plan/clock_skew.hpp"

namespace portcullis::app {

/// Whose clocks to read.
struct ClockOwners {
  std::string identity;  ///< tells on which machine to look
  std::string cluster;   ///< the API server's origin
  std::string cloud;     ///< that of the resource manager
};

/// This machine's clock, and those of both servers if they were heard of lately.
std::vector<plan::ClockReading> read_clocks(const SystemClock& clock, const ClockOwners& owners);

}  // namespace portcullis::app
