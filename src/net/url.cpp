#include "net/url.hpp"

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
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    url.origin.host = lower(authority.substr(0, colon));
    port = authority.substr(colon);
  }
  if (url.origin.host.empty()) return std::nullopt;
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
  const bool is_v6 = origin.host.find(':') != std::string::npos;
  std::string text = origin.scheme + "://" + (is_v6 ? "[" + origin.host + "]" : origin.host);
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
