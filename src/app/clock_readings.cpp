#include "app/clock_readings.hpp"

namespace portcullis::app {

std::vector<plan::ClockReading> read_clocks(const SystemClock& clock, const ClockOwners& owners) {
  const TimePoint wall = clock.wall_now();
  std::vector<plan::ClockReading> readings{
      {.whose = "this machine's clock (" + owners.identity + ")",
       .owner = "whoever runs the operator's node",
       .says = wall}};
  const auto skews = clock.skews();
  if (const auto cluster = skews.find(owners.cluster); cluster != skews.end()) {
    readings.push_back({.whose = "the API server's (" + owners.cluster + ")",
                        .owner = "whoever runs the API server's node",
                        .says = wall + cluster->second});
  }
  if (const auto cloud = skews.find(owners.cloud); cloud != skews.end()) {
    readings.push_back({.whose = "the cloud's (" + owners.cloud + ")",
                        .owner = "whoever runs " + owners.cloud,
                        .says = wall + cloud->second});
  }
  return readings;
}

}  // namespace portcullis::app
