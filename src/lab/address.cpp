#include "lab/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace portcullis::lab {
namespace {

bool bit(const Address& address, unsigned at) {
  return (address.bytes.at(at / 8) >> (7 - at % 8) & 1) != 0;
}

unsigned width(const Address& address) { return address.v6 ? 128 : 32; }

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  Address address;
  const auto slash = std::min(text.find('/'), text.size());
  const std::string host(text.substr(0, slash));
  if (host.size() != slash || host.find('\0') != std::string::npos) return std::nullopt;
  address.v6 = host.find(':') != std::string::npos;
  if (inet_pton(address.v6 ? AF_INET6 : AF_INET, host.c_str(), address.bytes.data()) != 1) {
    return std::nullopt;
  }
  address.length = width(address);
  if (slash < text.size()) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), address.length);
    if (error != std::errc() || end != digits.data() + digits.size() ||
        address.length > width(address)) {
      return std::nullopt;
    }
  }
  return address;
}

bool has_host_bits(const Address& prefix) {
  for (unsigned at = prefix.length; at < width(prefix); ++at) {
    if (bit(prefix, at)) return true;
  }
  return false;
}

bool overlap(const Address& a, const Address& b) {
  if (a.v6 != b.v6) return false;
  for (unsigned at = 0; at < std::min(a.length, b.length); ++at) {
    if (bit(a, at) != bit(b, at)) return false;
  }
  return true;
}

}  // namespace portcullis::lab
