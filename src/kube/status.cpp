#include "kube/status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace portcullis::kube {
namespace {

using nlohmann::json;
using Kind = Error::Kind;

constexpr int depth_limit = 128;
constexpr std::size_t message_limit = 2048;
constexpr Duration longest_retry_after = std::chrono::hours(1);

constexpr std::size_t body_limit = 256;   ///< of what is no Status, in a message
constexpr std::size_t reason_limit = 64;  ///< the longest of apimachinery's has 23

struct TooDeep {};

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

/// Without the token that was sent, and without what looks like a JSON Web Token: a proxy's page
/// may show the request that it did not like.
std::string masked(std::string text, const std::string& token = {}) {
  constexpr std::string_view mask = "[token]";
  constexpr std::size_t shortest = 16;
  for (auto at = token.empty() ? std::string::npos : text.find(token); at != std::string::npos;
       at = text.find(token, at + mask.size())) {
    text.replace(at, token.size(), mask);
  }
  for (auto at = text.find("eyJ"); at != std::string::npos; at = text.find("eyJ", at + 1)) {
    auto end = at;
    while (end < text.size() && is_token_character(text[end])) ++end;
    if (end - at >= shortest) text.replace(at, end - at, mask);
  }
  return text;
}

std::string text_of(const json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_of(const json& object, const char* key) {
  if (!object.is_object()) return 0;
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

/// apimachinery's StatusReason words.
std::optional<Kind> kind_of_reason(std::string_view reason) {
  constexpr std::array<std::pair<std::string_view, Kind>, 19> kinds = {{
      {"Unauthorized", Kind::unauthorized},
      {"Forbidden", Kind::forbidden},
      {"NotFound", Kind::not_found},
      {"AlreadyExists", Kind::already_exists},
      {"Conflict", Kind::conflict},
      {"Gone", Kind::expired},
      {"Expired", Kind::expired},
      {"Invalid", Kind::invalid},
      {"BadRequest", Kind::invalid},
      {"RequestEntityTooLarge", Kind::invalid},
      {"TooManyRequests", Kind::throttled},
      {"Timeout", Kind::timeout},
      {"ServerTimeout", Kind::unavailable},
      {"ServiceUnavailable", Kind::unavailable},
      {"InternalError", Kind::unavailable},
      {"StoreReadError", Kind::unavailable},
      {"MethodNotAllowed", Kind::unsupported},
      {"NotAcceptable", Kind::unsupported},
      {"UnsupportedMediaType", Kind::unsupported},
  }};
  const auto* found = std::ranges::find(kinds, reason, &std::pair<std::string_view, Kind>::first);
  return found == kinds.end() ? std::nullopt : std::optional(found->second);
}

Kind kind_of_code(int code) {
  switch (code) {
    case 401:
      return Kind::unauthorized;
    case 403:
      return Kind::forbidden;
    case 404:
      return Kind::not_found;
    case 405:
    case 406:
    case 415:
      return Kind::unsupported;
    case 408:
    case 504:
      return Kind::timeout;
    case 409:
      return Kind::conflict;
    case 410:
      return Kind::expired;
    case 429:
      return Kind::throttled;
    default:
      break;
  }
  if (code >= 500) return Kind::unavailable;
  return code >= 400 ? Kind::invalid : Kind::malformed;
}

/// Older servers say it in the message only.
bool is_version_too_large(const json& status, std::string_view message) {
  if (message.find("Too large resource version") != std::string_view::npos) return true;
  const auto details = status.find("details");
  if (details == status.end() || !details->is_object()) return false;
  const auto causes = details->find("causes");
  if (causes == details->end() || !causes->is_array()) return false;
  return std::ranges::any_of(*causes, [](const json& cause) {
    return text_of(cause, "reason") == "ResourceVersionTooLarge";
  });
}

Error from_status(const json& status, int code, const std::string& token = {}) {
  Error error{.kind = kind_of_code(code),
              .message = masked(text_of(status, "message"), token).substr(0, message_limit),
              .code = masked(text_of(status, "reason"), token).substr(0, reason_limit),
              .status = code};
  if (const auto kind = kind_of_reason(error.code)) error.kind = *kind;
  if (is_version_too_large(status, error.message)) error.code = "ResourceVersionTooLarge";
  if (error.message.empty()) error.message = fmt::format("the server answered {}", code);
  if (const auto details = status.find("details"); details != status.end()) {
    const auto seconds = number_of(*details, "retryAfterSeconds");
    if (seconds > 0) {
      error.retry_after = std::min<Duration>(
          std::chrono::seconds(std::min<std::int64_t>(seconds, 3600)), longest_retry_after);
    }
  }
  return error;
}

bool is_status(const Result<json>& body) {
  return body && text_of(*body, "kind") == "Status" && text_of(*body, "apiVersion") == "v1";
}

/// One line of printable text: an answer's body may be anything.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, body_limit)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f ? ' ' : c;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace

Result<json> parse_object(std::string_view text) {
  try {
    // Without the bound a small answer could be made so deep that printing it ends the stack.
    const auto bound = [](int depth, json::parse_event_t, json&) {
      if (depth > depth_limit) throw TooDeep{};
      return true;
    };
    auto value = json::parse(text, bound);
    if (!value.is_object()) return fail(Kind::malformed, "the answer is not a JSON object");
    return value;
  } catch (const json::exception& error) {
    return fail(Kind::malformed,
                fmt::format("the answer is not JSON: {}", printable(masked(error.what()))));
  } catch (const TooDeep&) {
    return fail(Kind::malformed,
                fmt::format("the answer is nested deeper than {} levels", depth_limit));
  }
}

Result<std::string> to_text(const json& value) {
  try {
    return value.dump();
  } catch (const json::exception&) {
    return fail(Kind::invalid, "the object holds a string that is not UTF-8");
  }
}

std::optional<Duration> parse_retry_after(std::string_view text, TimePoint now) {
  std::int64_t seconds = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (problem == std::errc() && end == text.data() + text.size()) {
    if (seconds < 0) return std::nullopt;
    return std::chrono::seconds(std::min<std::int64_t>(seconds, 3600));
  }
  const auto date = parse_http_date(text);
  if (!date || *date < now) return std::nullopt;
  return std::min<Duration>(*date - now, longest_retry_after);
}

Error to_error(const net::Response& response, TimePoint now, const std::string& token) {
  const auto body = parse_object(response.body);
  Error error;
  if (is_status(body)) {
    error = from_status(*body, response.status, token);
  } else {
    error.kind = kind_of_code(response.status);
    error.status = response.status;
    error.message = fmt::format("the server answered {}", response.status);
    const auto text = printable(masked(response.body, token));
    if (!text.empty()) error.message += ": " + text;
  }
  if (const auto header = response.header("Retry-After")) {
    if (const auto wait = parse_retry_after(*header, now)) error.retry_after = wait;
  }
  return error;
}

Error to_error(std::string_view status) {
  const auto body = parse_object(status);
  if (!is_status(body)) {
    return {.kind = Kind::malformed, .message = "an ERROR event without a Status"};
  }
  return from_status(*body,
                     static_cast<int>(std::clamp<std::int64_t>(number_of(*body, "code"), 0, 999)));
}

}  // namespace portcullis::kube
