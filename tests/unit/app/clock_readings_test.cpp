#include "app/clock_readings.hpp"

#include <catch2/catch.hpp>

#include "base/log.hpp"

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

TEST_CASE("each clock is told by its name, with what it says and who can set it", "[app]") {
  log::configure(log::Level::error, log::Format::text);
  SystemClock clock;
  const TimePoint now = clock.wall_now();
  clock.observe(now, "https://10.0.0.1");
  clock.observe(now + 2min, "https://management.azure.com");
  clock.observe(now - 2min, "https://management.chinacloudapi.cn");
  const auto readings = read_clocks(clock, {.identity = "pod-1",
                                            .cluster = "https://10.0.0.1",
                                            .cloud = "https://management.azure.com"});
  REQUIRE(readings.size() == 3);
  CHECK(readings[0].whose == "this machine's clock (pod-1)");
  CHECK(readings[1].whose == "the API server's (https://10.0.0.1)");
  CHECK(readings[1].owner == "whoever runs the API server's node");
  CHECK(readings[2].whose == "the cloud's (https://management.azure.com)");
  CHECK(readings[2].owner == "whoever runs https://management.azure.com");
  CHECK((std::chrono::abs(readings[0].says - now) < 30s));
  CHECK((std::chrono::abs(readings[1].says - readings[0].says) < 1s));
  CHECK((std::chrono::abs(readings[2].says - readings[0].says - 2min) < 1s));
  CHECK(plan::judge_clocks(readings, {}).stops_openings);

  // Whoever has another cloud is not concerned, nor is one whose cloud was not heard of.
  const auto others = read_clocks(clock, {.identity = "pod-1",
                                          .cluster = "https://10.0.0.1",
                                          .cloud = "https://management.usgovcloudapi.net"});
  REQUIRE(others.size() == 2);
  CHECK_FALSE(plan::judge_clocks(others, {}).skewed);
}

}  // namespace
}  // namespace portcullis::app
