#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace portcullis::net {

/// Where a server is. Two follow-up addresses are of the same server only if all three are equal.
struct Origin {
  std::string scheme;  ///< "https" or "http", lower case
  std::string host;    ///< lower case; an IPv6 literal without its brackets
  std::uint16_t port = 0;

  bool operator==(const Origin&) const = default;
};

/// An absolute http or https address. What two readers could take for different hosts is refused:
/// user information, backslashes, control characters, percent signs in the host, zones, and IPv4
/// addresses in any form but four decimal numbers.
struct Url {
  Origin origin;
  std::string target;  ///< path and query, verbatim; "/" if the address has none; no fragment
};

std::optional<Url> parse_url(std::string_view text);

/// "https://host:8443"; the default port is left out, an IPv6 host gets its brackets.
std::string to_string(const Origin& origin);

/// Percent-encodes all but RFC 3986's unreserved characters: for one path segment or query value.
std::string encode_component(std::string_view text);

}  // namespace portcullis::net
