#include "base/time.hpp"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

using namespace std::chrono_literals;

namespace portcullis {
namespace {

TEST_CASE("RFC 3339 is read as Kubernetes and people write it", "[time]") {
  const auto noon = parse_rfc3339("2026-11-22T12:00:00Z");
  REQUIRE(noon);
  CHECK((parse_rfc3339("2026-11-22T14:00:00+02:00") == noon));
  CHECK((parse_rfc3339("2026-11-22t12:00:00z") == noon));
  CHECK((parse_rfc3339("2026-11-22T12:00:00.123456789Z") == *noon + 123ms));
  CHECK((parse_rfc3339("2016-12-31T23:59:60Z") == parse_rfc3339("2016-12-31T23:59:59Z")));
  CHECK(parse_rfc3339("2024-02-29T00:00:00Z"));
  // What the API server takes as a time is one: an object with it must not be one that cannot be
  // read.
  CHECK((parse_rfc3339("2026-11-22T13:00:00+00:60") == noon));
  CHECK((parse_rfc3339("2026-11-23T12:00:00+24:00") == noon));
}

TEST_CASE("what is no RFC 3339 is nothing", "[time]") {
  for (const char* text :
       {"", "2026-11-22", "2026-11-22T12:00:00", "2026-11-22 12:00:00Z", "2026-11-22T24:00:00Z",
        "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-22T12:60:00Z",
        " 2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z ", "2026-11-22T12:00:00.Z",
        "0000-01-01T00:00:00Z", "2026-11-22T12:00:00+25:00", "2026-11-22T12:00:00+00:61",
        "+2026-11-22T12:00:00Z", "2026-11-22T12:00:61Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rfc3339(text));
  }
}

TEST_CASE("a formatted time reads back as itself", "[time]") {
  CHECK(rc::check("whole seconds", [] {
    const auto seconds = *rc::gen::inRange<std::int64_t>(-62'135'596'800, 253'402'300'799);
    const TimePoint time{std::chrono::seconds(seconds)};
    RC_ASSERT((parse_rfc3339(format_rfc3339(time)) == time));
    RC_ASSERT((parse_rfc3339(format_micro_time(time + 7ms)) == time + 7ms));
  }));
}

TEST_CASE("HTTP dates", "[time]") {
  CHECK(
      (parse_http_date("Sun, 22 Nov 2026 12:00:00 GMT") == parse_rfc3339("2026-11-22T12:00:00Z")));
  for (const char* text : {"", "22 Nov 2026 12:00:00 GMT", "Sun, 22 Nov 2026 12:00:00",
                           "Sunday, 22-Nov-26 12:00:00 GMT", "Sun, 22 XXX 2026 12:00:00 GMT"}) {
    CHECK_FALSE(parse_http_date(text));
  }
}

TEST_CASE("durations are Go's, without sign, and bounded", "[time]") {
  CHECK((parse_duration("45m") == 45min));
  CHECK((parse_duration("1h30m") == 90min));
  CHECK((parse_duration("1.5h") == 90min));
  CHECK((parse_duration("300ms") == 300ms));
  CHECK((parse_duration("0") == 0ms));
  for (const char* text : {"", "45", "m", "-1m", "+1m", "1d", "1e9h", "1 h", "99999999h", ".h",
                           "1..5h", "infh", "9223372036854775808s", "1h30"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
  CHECK(format_duration(90min) == "1h30m");
  CHECK(format_duration(0s) == "0s");
  CHECK(format_duration(24h) == "24h");
  CHECK(rc::check("round trip", [] {
    const Duration duration{*rc::gen::inRange<std::int64_t>(0, 10'000'000'000)};
    RC_ASSERT((parse_duration(format_duration(duration)) == duration));
  }));
}

}  // namespace
}  // namespace portcullis
