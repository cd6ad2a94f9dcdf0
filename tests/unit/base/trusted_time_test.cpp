#include "base/trusted_time.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "base/system_clock.hpp"

using namespace std::chrono_literals;

namespace portcullis {
namespace {

using Heard = TrustedTime::Heard;

constexpr TimePoint start{1'795'000'000s};
constexpr BootTime boot{1h};

const std::string cluster = "https://10.0.0.1";
const std::string cloud = "https://management.azure.com";

/// Servers speak at the moment of `boot` unless a test says later.
struct Scene {
  TrustedTime time{start, boot};

  Heard say(const std::string& origin, Duration ahead, Duration later = 0s) {
    return time.observe(start + later + ahead, origin, boot + later);
  }
  Duration ahead(Duration later = 0s) const { return time.at(boot + later) - (start + later); }
};

TEST_CASE("the first date replaces the wall clock, later ones move time forward only", "[time]") {
  Scene scene;
  CHECK(scene.say(cluster, -2h) == Heard::moved);
  CHECK(scene.ahead() == -2h);
  CHECK(scene.say(cluster, -2h - 1s) == Heard::nothing_new);
  CHECK(scene.ahead() == -2h);
  CHECK(scene.say(cluster, -2h + 30s) == Heard::moved);
  CHECK(scene.ahead() == -2h + 30s);
  CHECK(scene.ahead(1h) == -2h + 30s);
}

TEST_CASE("one server's wrong date moves nothing, however often it is said", "[time]") {
  Scene scene;
  if (GENERATE(true, false)) scene.say(cluster, 0s);
  CHECK(scene.say(cluster, 24h * 365) == Heard::doubted);
  CHECK(scene.say(cluster, 24h * 365, 1s) == Heard::nothing_new);
  CHECK(scene.ahead() == 0s);
  // Having come back to its senses, it is believed again; the other server never was with it.
  CHECK(scene.say(cloud, 1s, 2s) == Heard::moved);
  CHECK(scene.say(cluster, 2s, 3s) == Heard::moved);
  CHECK(scene.ahead() == 2s);
  CHECK(scene.say(cluster, 31s + 1s, 4s) == Heard::doubted);
}

TEST_CASE("the latest date that was stated is known, believed or not", "[time]") {
  Scene scene;
  CHECK_FALSE(scene.time.latest_stated(boot));
  scene.say(cluster, -1h);
  CHECK(scene.time.latest_stated(boot + 1s) == start + 1s - 1h);
  scene.say(cloud, 24h);
  CHECK(scene.ahead() == -1h);
  CHECK(scene.time.latest_stated(boot) == start + 24h);
}

TEST_CASE("many small steps of one server are no way to a large one", "[time]") {
  rc::check([] {
    Scene scene;
    scene.say(cluster, 0s);
    Duration ahead{0};
    for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(-5, 30))) {
      scene.say(cluster, ahead += std::chrono::seconds(step));
      RC_ASSERT(scene.ahead() <= 30s);
    }
  });
}

TEST_CASE("a jump is believed when two servers agree on it within five seconds", "[time]") {
  Scene scene;
  scene.say(cluster, 0s);
  CHECK(scene.say(cluster, 1h) == Heard::doubted);
  SECTION("they agree") {
    CHECK(scene.say(cloud, 1h + 5s, 10min) == Heard::moved);
    CHECK(scene.ahead() == 1h + 5s);
    CHECK(scene.say(cluster, 1h + 10s) == Heard::moved);
  }
  SECTION("they do not") {
    CHECK(scene.say(cloud, 1h + 6s) == Heard::doubted);
    CHECK(scene.ahead() == 0s);
  }
  SECTION("the first one has taken it back") {
    CHECK(scene.say(cluster, 0s) == Heard::nothing_new);
    CHECK(scene.say(cloud, 1h) == Heard::doubted);
    CHECK(scene.ahead() == 0s);
  }
  SECTION("a third one, who says something else, is not in the way") {
    CHECK(scene.say("https://other", 2h) == Heard::doubted);
    CHECK(scene.say(cloud, 1h) == Heard::moved);
    CHECK(scene.ahead() == 1h);
  }
}

TEST_CASE("a node whose clock is far behind learns the time from two servers", "[time]") {
  Scene scene;
  CHECK(scene.say(cluster, 24h * 365) == Heard::doubted);
  CHECK(scene.say(cloud, 24h * 365) == Heard::moved);
  CHECK(scene.ahead() == 24h * 365);
}

TEST_CASE("servers that agree are followed while the boot clock drifts away", "[time]") {
  Scene scene;
  for (int day = 0; day < 30; ++day) {
    const Duration later = 24h * day;
    scene.say(cluster, 4s * day, later);
    scene.say(cloud, 4s * day, later);
    CHECK(scene.ahead(later) == 4s * day);
  }
}

TEST_CASE("the skew is the largest of all servers', those in doubt included", "[time]") {
  Scene scene;
  CHECK(scene.time.largest_skew(start, boot) == 0s);
  scene.say(cluster, 1h);
  scene.say(cloud, -3s);
  CHECK(scene.time.largest_skew(start, boot) == 1h);
  CHECK(scene.time.largest_skew(start + 1h + 1min, boot + 1min) == -1h - 3s);
  CHECK(scene.time.skews(start, boot) ==
        std::map<std::string, Duration>{{cluster, 1h}, {cloud, -3s}});
}

TEST_CASE("who has not been heard of for a quarter of an hour is no skew", "[time]") {
  Scene scene;
  scene.say(cluster, 0s);
  scene.say(cloud, 2min);
  CHECK(scene.time.largest_skew(start + 15min, boot + 15min) == 2min);
  scene.say(cluster, 0s, 16min);
  CHECK(scene.time.skews(start + 16min, boot + 16min) ==
        std::map<std::string, Duration>{{cluster, 0s}});
  CHECK(scene.time.largest_skew(start + 16min, boot + 16min) == 0s);
  CHECK(scene.say(cloud, 2min, 17min) == Heard::nothing_new);  // and was doubted before
  CHECK(scene.time.largest_skew(start + 17min, boot + 17min) == 2min);
}

TEST_CASE("the system's clock believes one server's small steps and two servers' large ones",
          "[time]") {
  SystemClock clock;
  const TimePoint before = clock.now();
  clock.observe(before, cluster);
  clock.observe(before + 1h, cluster);
  CHECK((clock.now() < before + 30min));
  CHECK((clock.skew() > 59min));
  clock.observe(before + 1h, cloud);
  CHECK((clock.now() >= before + 1h));
}

}  // namespace
}  // namespace portcullis
