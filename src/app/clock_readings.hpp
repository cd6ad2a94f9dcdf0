#pragma once

#include <string>
#include <vector>

#include "base/system_clock.hpp"
#include "plan/clock_skew.hpp"

namespace portcullis::app {

/// This machine's clock and those of all servers that were heard of lately. `cluster` is the API
/// server's origin; `identity` tells on which machine to look.
std::vector<plan::ClockReading> read_clocks(const SystemClock& clock, const std::string& cluster,
                                            const std::string& identity);

}  // namespace portcullis::app
