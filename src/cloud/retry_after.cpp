#include "cloud/retry_after.hpp"

#include <algorithm>
#include <charconv>

namespace portcullis::cloud {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

}  // namespace

std::optional<Duration> retry_after(const net::Response& answer, TimePoint now) {
  const auto text = answer.header("Retry-After");
  if (!text || text->empty()) return std::nullopt;
  Duration told{0};
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (end == text->data() + text->size()) {
    if (failure != std::errc()) number = text->starts_with('-') ? 0 : 86'400;
    told = seconds(std::clamp<std::int64_t>(number, 0, 86'400));
  } else if (const auto date = parse_http_date(*text)) {
    const auto server_now = parse_http_date(answer.header("Date").value_or(""));
    told = *date - server_now.value_or(now);
  }
  if (told <= Duration(0)) return std::nullopt;
  return std::min<Duration>(told, hours(24));
}

std::optional<Duration> told_pause(const net::Response& answer, TimePoint now) {
  const auto told = retry_after(answer, now);
  if (!told) return std::nullopt;
  return std::clamp<Duration>(*told, seconds(1), minutes(5));
}

Duration throttle_pause(const net::Response& answer, TimePoint now) {
  return told_pause(answer, now).value_or(seconds(5));
}

}  // namespace portcullis::cloud
