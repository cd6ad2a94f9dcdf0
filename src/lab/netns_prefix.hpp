#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portcullis::lab::netns {

/// An IP address as its bytes; IPv4 uses the first four, the rest is zero. The lab has address code
/// of its own: a mistake in the product's must not stand in the judge as well.
struct Address {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};

  int bits() const { return v6 ? 128 : 32; }
  bool operator==(const Address&) const = default;
  auto operator<=>(const Address&) const = default;
};

/// Nothing if it is not exactly one address (no zone, no white space, no prefix length).
std::optional<Address> parse_address(const std::string& text);
std::string to_string(const Address& address);

/// A block of addresses; the bits behind `length` are zero.
struct Prefix {
  Address address;
  int length = 0;

  /// False across families.
  bool contains(const Address& other) const;
  bool operator==(const Prefix&) const = default;
  auto operator<=>(const Prefix&) const = default;
};

/// An address is the prefix that holds it alone. Host bits are cut off.
std::optional<Prefix> parse_prefix(const std::string& text);
Prefix only(const Address& address);
std::string to_string(const Prefix& prefix);

/// Sorted, without those that lie inside another: the rest is disjoint.
std::vector<Prefix> disjoint(std::vector<Prefix> prefixes);

bool contains(const std::vector<Prefix>& prefixes, const Address& address);

}  // namespace portcullis::lab::netns
