#include "lab/netns_prefix.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace portcullis::lab::netns {
namespace {

void clear_host_bits(Prefix& prefix) {
  for (int bit = prefix.length; bit < prefix.address.bits(); ++bit) {
    auto& byte = prefix.address.bytes[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<std::uint8_t>(byte & ~(0x80U >> (bit % 8)));
  }
}

}  // namespace

std::optional<Address> parse_address(const std::string& text) {
  if (text.find('\0') != std::string::npos) return std::nullopt;
  Address address;
  address.v6 = text.find(':') != std::string::npos;
  if (inet_pton(address.v6 ? AF_INET6 : AF_INET, text.c_str(), address.bytes.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(),
            static_cast<socklen_t>(text.size()));
  return text.data();
}

bool Prefix::contains(const Address& other) const {
  if (other.v6 != address.v6) return false;
  Prefix around{.address = other, .length = length};
  clear_host_bits(around);
  return around.address == address;
}

std::optional<Prefix> parse_prefix(const std::string& text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  Prefix prefix = only(*address);
  if (slash != std::string::npos) {
    const char* const first = text.data() + slash + 1;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, prefix.length);
    if (error != std::errc{} || end != last) return std::nullopt;
    if (prefix.length < 0 || prefix.length > address->bits()) return std::nullopt;
  }
  clear_host_bits(prefix);
  return prefix;
}

Prefix only(const Address& address) { return {.address = address, .length = address.bits()}; }

std::string to_string(const Prefix& prefix) {
  std::string text = to_string(prefix.address);
  if (prefix.length < prefix.address.bits()) text += "/" + std::to_string(prefix.length);
  return text;
}

std::vector<Prefix> disjoint(std::vector<Prefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end());
  std::vector<Prefix> kept;
  // Sorted by address, then length: whatever contains a prefix stands before it, and is the last
  // kept.
  for (const Prefix& prefix : prefixes) {
    if (kept.empty() || !kept.back().contains(prefix.address)) kept.push_back(prefix);
  }
  return kept;
}

bool contains(const std::vector<Prefix>& prefixes, const Address& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const Prefix& prefix) { return prefix.contains(address); });
}

}  // namespace portcullis::lab::netns
