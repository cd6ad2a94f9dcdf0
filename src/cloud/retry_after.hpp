#pragma once

#include <optional>

#include "base/time.hpp"
#include "net/http.hpp"

namespace portcullis::cloud {

/// What the answer's Retry-After says, seconds or HTTP date (against the answer's own Date, else
/// `now`); nothing when it is absent, not positive, or neither. At most a day.
std::optional<Duration> retry_after(const net::Response& answer, TimePoint now);

/// For an answer that says "too many": never under a second or over a minute, however hostile the
/// header; five seconds without one.
Duration throttle_pause(const net::Response& answer, TimePoint now);

}  // namespace portcullis::cloud
