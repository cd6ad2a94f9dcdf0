#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http.hpp"
#include "net/url.hpp"

namespace portcullis::net {

/// What keeps `request` from going on the wire, as a sentence: a method that is no token, a target
/// with a space or a control character, a header that would start a second line. Nothing if sound.
std::optional<std::string> find_fault(const Request& request);

/// The same for the headers of an answer.
std::optional<std::string> find_fault(const Headers& headers);

/// Request line and headers up to the empty line. Host, Content-Length and Connection are set here;
/// the caller's are left out.
std::string print_head(const Request& request, const Origin& origin, const std::string& user_agent);

/// What the server knows about an answer besides the Response.
struct AnswerFrame {
  bool keep_alive = true;
  bool to_head_request = false;  ///< the head of the answer that GET would have, and no body
  std::string date{};            ///< used if the Response has none of its own
};

/// Status line and headers up to the empty line; framing headers of the Response are left out.
std::string print_head(const Response& response, const AnswerFrame& frame);

/// Whether an answer of this status has a body at all (RFC 9110, 6.4.1).
bool may_have_body(int status);

/// Headers that say where a message ends or whose connection it is: never somebody else's to set.
bool is_framing(std::string_view name);

/// Letter case ignored.
bool same_name(std::string_view a, std::string_view b);

/// "host" or "host:8443", as it stands in the Host header.
std::string host_header(const Origin& origin);

}  // namespace portcullis::net
