#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/http.hpp"

namespace portcullis::kube {

/// A JSON object, at most 128 levels deep; all else is `malformed`, never an exception.
Result<nlohmann::json> parse_object(std::string_view text);

/// The text of a JSON value; `invalid` if one of its strings is not UTF-8.
Result<std::string> to_text(const nlohmann::json& value);

/// What an answer with an error status means: by the reason of the Status in its body, else by the
/// code. Bodies that are no Status (a proxy's page, a cut one) give their first 256 bytes as
/// message. `token` is what was sent: neither that nor anything that looks like one comes into a
/// message.
Error to_error(const net::Response& response, TimePoint now, const std::string& token = {});

/// The same for the Status that an ERROR event of a watch holds, as text.
Error to_error(std::string_view status);

/// Seconds or an HTTP date, at most an hour; nothing for what is neither or lies in the past.
std::optional<Duration> parse_retry_after(std::string_view text, TimePoint now);

}  // namespace portcullis::kube
