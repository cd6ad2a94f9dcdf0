#pragma once

#include <optional>

#include "base/time.hpp"
#include "net/http.hpp"

namespace portcullis::cloud {

/// What the answer's Retry-After says, seconds or HTTP date (against the answer's own Date, else
/// `now`); nothing when it is absent, not positive, or neither. At most a day.
std::optional<Duration> retry_after(const net::Response& answer, TimePoint now);

/// What it says, a second at least and five minutes at most; nothing where `retry_after` has
/// nothing: whoever asks then chooses waits that grow. ARM's budgets refill each second and the
/// Network provider's every five minutes, so nothing true is longer, and an absurd value keeps no
/// access open for hours.
std::optional<Duration> told_pause(const net::Response& answer, TimePoint now);

/// For an answer that says "too many": the same, and five seconds without a word that can be
/// understood.
Duration throttle_pause(const net::Response& answer, TimePoint now);

}  // namespace portcullis::cloud
