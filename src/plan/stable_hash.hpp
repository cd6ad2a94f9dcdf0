#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace portcullis::plan {

struct Hash128 {
  std::uint64_t low = 0;   ///< the first eight bytes of the tag, little endian
  std::uint64_t high = 0;  ///< the last eight

  bool operator==(const Hash128&) const = default;
};

/// SipHash-2-4 with a tag of 128 bits, by Aumasson and Bernstein. The key is the two halves, little
/// endian. Same bytes and key, same hash: on every machine and in every version of this program.
Hash128 sip_hash(std::string_view bytes, std::uint64_t key_low, std::uint64_t key_high);

/// The hash that names of rules are made of: a fixed key, and `length` (at most 25) characters of
/// lower-case base32 (RFC 4648 without padding), most significant bits of the tag's bytes first.
std::string stable_name(std::string_view identity, std::size_t length);

}  // namespace portcullis::plan
