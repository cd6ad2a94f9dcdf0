#include "app/clock_readings.hpp"

namespace portcullis::app {

std::vector<plan::ClockReading> read_clocks(const SystemClock& clock, const std::string& cluster,
                                            const std::string& identity) {
  const TimePoint wall = clock.wall_now();
  std::vector<plan::ClockReading> readings{{.whose = "this machine's clock (" + identity + ")",
                                            .owner = "whoever runs the operator's node",
                                            .says = wall}};
  for (const auto& [origin, skew] : clock.skews()) {
    const bool is_cluster = origin == cluster;
    readings.push_back(
        {.whose = (is_cluster ? "the API server's (" : "the cloud's (") + origin + ")",
         .owner = is_cluster ? "whoever runs the API server's node" : "whoever runs " + origin,
         .says = wall + skew});
  }
  return readings;
}

}  // namespace portcullis::app
