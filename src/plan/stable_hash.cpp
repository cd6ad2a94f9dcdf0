#include "plan/stable_hash.hpp"

#include <bit>
#include <cstddef>

namespace portcullis::plan {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }

  void absorb(std::uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }

  std::uint64_t mixed() const { return v0 ^ v1 ^ v2 ^ v3; }
};

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    word = (word << 8) | static_cast<unsigned char>(bytes[i]);
  }
  return word;
}

}  // namespace

Hash128 sip_hash(std::string_view bytes, std::uint64_t key_low, std::uint64_t key_high) {
  const std::uint64_t length_byte = static_cast<std::uint64_t>(bytes.size() & 0xff) << 56;
  State state{.v0 = key_low ^ 0x736f6d6570736575ULL,
              .v1 = key_high ^ 0x646f72616e646f6dULL ^ 0xee,
              .v2 = key_low ^ 0x6c7967656e657261ULL,
              .v3 = key_high ^ 0x7465646279746573ULL};
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) state.absorb(little_endian(bytes.substr(0, 8)));
  state.absorb(little_endian(bytes) | length_byte);

  Hash128 hash;
  state.v2 ^= 0xee;
  state.rounds(4);
  hash.low = state.mixed();
  state.v1 ^= 0xdd;
  state.rounds(4);
  hash.high = state.mixed();
  return hash;
}

std::string stable_name(std::string_view identity, std::size_t length) {
  // The key is no secret: it only keeps these hashes apart from other uses of the function.
  const Hash128 hash = sip_hash(identity, 0x6c6c756374726f70ULL, 0x31656c75722f7369ULL);
  constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string name;
  for (std::size_t digit = 0; digit < length && digit < 25; ++digit) {
    unsigned value = 0;
    for (std::size_t bit = digit * 5; bit < digit * 5 + 5; ++bit) {
      const std::uint64_t half = bit < 64 ? hash.low : hash.high;
      const std::size_t byte = bit % 64 / 8;
      value = value << 1 | static_cast<unsigned>(half >> (byte * 8 + 7 - bit % 8) & 1);
    }
    name += alphabet[value];
  }
  return name;
}

}  // namespace portcullis::plan
