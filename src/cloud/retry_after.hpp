#pragma once

#include <optional>

#include "base/time.hpp"
#include "net/http.hpp"

namespace portcullis::cloud {

/// What the answer's Retry-After says, seconds or HTTP date (against the answer's own Date, else
/// `now`); nothing when it is absent, not positive, or neither. At most a day.
std::optional<Duration> retry_after(const net::Response& answer, TimePoint now);

/// For an answer that says "too many": what it says, but at least a second, and five minutes at
/// most; five seconds without a word. ARM's budgets refill each second and the Network provider's
/// every five minutes, so nothing true is longer, and an absurd value keeps no access open for
/// hours.
Duration throttle_pause(const net::Response& answer, TimePoint now);

}  // namespace portcullis::cloud
