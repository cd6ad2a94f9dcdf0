#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace portcullis {

/// Wall-clock time, as the API server writes it. Intervals are half-open: [from, until).
using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// RFC 3339 with any offset and any number of fraction digits (cut to milliseconds), years
/// 0001..9999; leap second 60 reads as 59. Nothing else: no surrounding space, no missing part.
std::optional<TimePoint> parse_rfc3339(std::string_view text);

/// "2026-11-22T18:45:00Z": UTC, whole seconds, rounded down.
std::string format_rfc3339(TimePoint time);

/// "2026-11-22T18:45:00.000000Z": the form of Kubernetes' MicroTime, exactly six digits.
std::string format_micro_time(TimePoint time);

/// The date of an HTTP header ("Sun, 22 Nov 2026 18:45:00 GMT"); the obsolete forms are refused.
std::optional<TimePoint> parse_http_date(std::string_view text);

/// A Go duration ("1h30m", "45m", "1.5h", "300ms"; units h, m, s, ms), not negative, at most ten
/// years. "0" and "0s" are zero. Nothing else.
std::optional<Duration> parse_duration(std::string_view text);

/// The shortest Go duration people would type: "45m", "1h30m", "90s" is "1m30s", zero is "0s".
std::string format_duration(Duration duration);

}  // namespace portcullis
