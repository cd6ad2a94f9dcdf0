#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "net/http.hpp"

namespace portcullis::lab {

using Json = nlohmann::json;

/// A request taken apart: what handlers look at.
struct Call {
  std::string method;
  std::vector<std::string> path;             ///< decoded segments
  std::map<std::string, std::string> query;  ///< decoded; names in lower case
  const net::Request* request = nullptr;
  std::string client;  ///< who the token was issued to
  TimePoint now{};
  std::size_t number = 0;  ///< of the request, counted from 1

  std::string query_or(const std::string& name, std::string fallback) const;
};

/// Nothing for a target that is no origin-form path, or whose percent-encoding is broken.
std::optional<Call> parse_call(const net::Request& request);

/// `a=b&c=d` of a query or form body, decoded; names in lower case.
std::optional<std::map<std::string, std::string>> parse_form(std::string_view text);

/// Whether the segments from `at` on are these, letter case ignored; "*" fits any.
bool path_is(const Call& call, std::initializer_list<std::string_view> pattern);

net::Response json_answer(int status, const Json& body);
net::Response empty_answer(int status);

/// ARM's error body. `details` is left out when null.
net::Response arm_error(int status, std::string_view code, std::string_view message,
                        Json details = nullptr);

std::string base64url(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);

/// "Sun, 22 Nov 2026 18:45:00 GMT".
std::string http_date(TimePoint time);

void set_header(net::Response& response, std::string_view name, std::string value);

}  // namespace portcullis::lab
