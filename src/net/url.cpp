#include "net/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace portcullis::net {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/// A name of letters, digits, "-" and "_" in parts that are not empty, or an IPv4 address in the
/// one form that everybody reads alike: resolvers take "127.1", "0x7f.1" and "010.0.0.1" for
/// addresses.
bool is_name_or_v4(const std::string& host) {
  std::string_view last;
  for (std::string_view rest = host;;) {
    const auto dot = std::min(rest.find('.'), rest.size());
    last = rest.substr(0, dot);
    if (last.empty()) return false;
    if (!std::ranges::all_of(last, [](char c) { return is_unreserved(c) && c != '~'; })) {
      return false;
    }
    if (dot == rest.size()) break;
    rest.remove_prefix(dot + 1);
  }
  const bool ends_in_number = last.starts_with("0x") || std::ranges::all_of(last, [](char c) {
                                return c >= '0' && c <= '9';
                              });
  in_addr address{};
  return !ends_in_number || inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool is_v6(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
  const bool clean = std::ranges::all_of(text, [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f &&
           c != '\\';
  });
  if (!clean) return std::nullopt;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  Url url;
  url.origin.scheme = lower(text.substr(0, scheme_end));
  if (url.origin.scheme != "https" && url.origin.scheme != "http") return std::nullopt;
  text.remove_prefix(scheme_end + 3);

  const auto authority_end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  std::string_view target = text.substr(authority_end);
  if (const auto fragment = target.find('#'); fragment != std::string_view::npos) {
    target = target.substr(0, fragment);
  }
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  if (authority.find('@') != std::string_view::npos) return std::nullopt;

  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    url.origin.host = lower(authority.substr(1, close - 1));
    port = authority.substr(close + 1);
    if (!port.empty() && !port.starts_with(':')) return std::nullopt;
    if (!is_v6(url.origin.host)) return std::nullopt;
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    url.origin.host = lower(authority.substr(0, colon));
    port = authority.substr(colon);
    if (!is_name_or_v4(url.origin.host)) return std::nullopt;
  }
  url.origin.port = default_port(url.origin.scheme);
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), url.origin.port);
    if (error != std::errc() || end != port.data() + port.size() || url.origin.port == 0) {
      return std::nullopt;
    }
  }
  return url;
}

std::string to_string(const Origin& origin) {
  const bool has_colon = origin.host.find(':') != std::string::npos;
  std::string text = origin.scheme + "://" + (has_colon ? "[" + origin.host + "]" : origin.host);
  if (origin.port != default_port(origin.scheme)) text += ":" + std::to_string(origin.port);
  return text;
}

std::string encode_component(std::string_view text) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 0xf];
    }
  }
  return out;
}

}  // namespace portcullis::net
