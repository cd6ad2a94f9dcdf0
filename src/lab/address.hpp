#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace portcullis::lab {

/// An IPv4 or IPv6 address or prefix, as the lab's cloud reads them.
struct Address {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  ///< IPv4: the first four
  unsigned length = 0;                   ///< of the prefix, in bits

  bool operator==(const Address&) const = default;
};

/// An address or a prefix in its usual spelling (inet_pton's). Host bits are kept, see below.
std::optional<Address> parse_address(std::string_view text);

bool has_host_bits(const Address& prefix);

/// Whether one contains the other, equality included. Families never meet.
bool overlap(const Address& a, const Address& b);

}  // namespace portcullis::lab
