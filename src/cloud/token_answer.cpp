#include "cloud/token_answer.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "cloud/excerpt.hpp"
#include "cloud/json.hpp"
#include "cloud/retry_after.hpp"

namespace portcullis::cloud {
namespace {

using std::chrono::seconds;

constexpr std::size_t longest_reason = 300;

Duration lifetime(json::Element answer) {
  constexpr std::int64_t shortest = 60;
  constexpr std::int64_t longest = 86'400;
  constexpr std::int64_t unknown = 300;
  const auto stated = json::member(answer, "expires_in");
  if (!stated) return seconds(unknown);
  if (double number = 0; stated->get(number) == simdjson::SUCCESS) {
    return seconds(static_cast<std::int64_t>(std::clamp<double>(number, shortest, longest)));
  }
  const std::string_view text = json::text(answer, "expires_in").value_or("");
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || text.empty()) return seconds(unknown);
  if (failure != std::errc()) number = text.starts_with('-') ? shortest : longest;
  return seconds(std::clamp(number, shortest, longest));
}

/// What may stand in an Authorization header: a line break in a token would be a header of its own.
bool is_bearer_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// "AADSTS7000215" out of "AADSTS7000215: Invalid client secret provided. …".
std::string service_code(std::string_view description, std::string_view error, const Secret& sent) {
  constexpr std::string_view prefix = "AADSTS";
  if (description.starts_with(prefix)) {
    const auto end =
        std::min(description.find_first_not_of("0123456789", prefix.size()), description.size());
    if (end > prefix.size() && end <= 20) return std::string(description.substr(0, end));
  }
  return excerpt(error, 60, {&sent});
}

Error refusal(const net::Response& answer, const std::string& service, const Secret& sent,
              TimePoint now) {
  Error error;
  error.status = answer.status;
  std::string reason;
  if (const auto document = json::Document::parse(answer.body)) {
    std::string_view description = json::text(document->root(), "error_description").value_or("");
    const std::string_view name = json::text(document->root(), "error").value_or("");
    // What differs in each answer would make each look like news.
    for (const std::string_view end :
         {"\r", "\n", " Trace ID:", " Correlation ID:", " Timestamp:"}) {
      description = description.substr(0, description.find(end));
    }
    error.code = service_code(description, name, sent);
    reason = excerpt(description.empty() ? name : description, longest_reason, {&sent});
  }
  if (reason.empty()) reason = excerpt(answer.body, 120, {&sent});
  error.message = service + " answered " + std::to_string(answer.status);
  if (!reason.empty()) error.message += ": " + reason;

  if (answer.status == 429) {
    error.kind = Error::Kind::throttled;
    error.retry_after = told_pause(answer, now);
  } else if (answer.status >= 400 && answer.status < 500 && answer.status != 408 &&
             answer.status != 404 && answer.status != 410) {
    error.kind = Error::Kind::unauthorized;
  } else if (answer.status >= 300 && answer.status < 400) {
    error.kind = Error::Kind::malformed;
  } else {
    error.kind = Error::Kind::unavailable;
    error.retry_after = told_pause(answer, now);
  }
  return error;
}

}  // namespace

Result<AccessToken> read_token_answer(const net::Response& answer, std::string service,
                                      const Secret& sent, TimePoint now) {
  if (answer.status != 200) return fail(refusal(answer, service, sent, now));
  const auto document = json::Document::parse(answer.body);
  if (!document) return fail(Error::Kind::malformed, service + ": " + document.error().message);
  const auto token = json::text(document->root(), "access_token");
  if (!token || !is_bearer_text(*token)) {
    return fail(Error::Kind::malformed, service + " answered 200 without a usable access_token");
  }
  return AccessToken{.value = Secret(std::string(*token)), .lifetime = lifetime(document->root())};
}

}  // namespace portcullis::cloud
