#include "model/prefix.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace portcullis::model {
namespace {

int width_of(Family family) { return family == Family::ipv4 ? 32 : 128; }

/// A decimal number of 0..limit without sign or leading zero.
std::optional<int> parse_small(std::string_view text, int limit) {
  int value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  if (text.empty() || text.size() > 3 || text.front() < '0' || text.front() > '9' ||
      (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end || value > limit) return std::nullopt;
  return value;
}

bool is_ipv4_mapped(const Prefix& prefix) {
  return prefix.length >= 96 && prefix.bytes[10] == 0xff && prefix.bytes[11] == 0xff &&
         std::all_of(prefix.bytes.begin(), prefix.bytes.begin() + 10,
                     [](std::uint8_t byte) { return byte == 0; });
}

/// inet_pton alone is strict enough: inet_aton and its kin read "010.0.0.1" as 8.0.0.1.
std::optional<Prefix> parse_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (text.empty() || text.size() >= buffer.size()) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::ranges::copy(text, buffer.begin());
  Prefix prefix{.family = text.find(':') == std::string_view::npos ? Family::ipv4 : Family::ipv6};
  prefix.length = static_cast<std::uint8_t>(width_of(prefix.family));
  const int af = prefix.family == Family::ipv4 ? AF_INET : AF_INET6;
  if (inet_pton(af, buffer.data(), prefix.bytes.data()) != 1) return std::nullopt;
  return prefix;
}

bool bit(const std::array<std::uint8_t, 16>& bytes, int index) {
  const auto byte = bytes[static_cast<std::size_t>(index / 8)];
  return ((byte >> (7 - index % 8)) & 1) != 0;
}

bool host_bits_clear(const Prefix& prefix) {
  for (int i = prefix.length; i < width_of(prefix.family); ++i) {
    if (bit(prefix.bytes, i)) return false;
  }
  return true;
}

std::string ipv6_text(const std::array<std::uint8_t, 16>& bytes) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) {
    groups[i] = static_cast<unsigned>(bytes[2 * i]) << 8 | bytes[2 * i + 1];
  }
  // RFC 5952: the first of the longest runs of at least two zero groups becomes "::".
  std::size_t best = 8;
  std::size_t best_length = 1;
  for (std::size_t i = 0; i < 8;) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > best_length) {
      best = i;
      best_length = end - i;
    }
    i = std::max(end, i + 1);
  }
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == best) {
      text += "::";
      i += best_length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    std::array<char, 4> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), groups[i], 16).ptr;
    text.append(digits.begin(), end);
  }
  return text;
}

}  // namespace

std::optional<Prefix> parse_prefix(std::string_view text) {
  const auto slash = text.find('/');
  auto prefix = parse_address(text.substr(0, slash));
  if (!prefix) return std::nullopt;
  if (slash != std::string_view::npos) {
    const auto length = parse_small(text.substr(slash + 1), width_of(prefix->family));
    if (!length) return std::nullopt;
    prefix->length = static_cast<std::uint8_t>(*length);
  }
  if (!host_bits_clear(*prefix)) return std::nullopt;
  if (prefix->family == Family::ipv6 && is_ipv4_mapped(*prefix)) return std::nullopt;
  return prefix;
}

std::string to_string(const Prefix& prefix) {
  std::string text;
  if (prefix.family == Family::ipv6) {
    text = ipv6_text(prefix.bytes);
  } else {
    for (std::size_t i = 0; i < 4; ++i) {
      if (i > 0) text += '.';
      text += std::to_string(prefix.bytes[i]);
    }
  }
  return text + '/' + std::to_string(prefix.length);
}

bool contains(const Prefix& outer, const Prefix& inner) {
  if (outer.family != inner.family || outer.length > inner.length) return false;
  for (int i = 0; i < outer.length; ++i) {
    if (bit(outer.bytes, i) != bit(inner.bytes, i)) return false;
  }
  return true;
}

bool overlap(const Prefix& a, const Prefix& b) { return contains(a, b) || contains(b, a); }

}  // namespace portcullis::model
