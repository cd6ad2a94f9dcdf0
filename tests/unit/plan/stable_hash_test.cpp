#include "plan/stable_hash.hpp"

#include <catch2/catch.hpp>
#include <set>

namespace portcullis::plan {
namespace {

constexpr std::uint64_t key_low = 0x0706050403020100ULL;
constexpr std::uint64_t key_high = 0x0f0e0d0c0b0a0908ULL;

std::string counting(int length) {
  std::string bytes;
  for (int i = 0; i < length; ++i) bytes += static_cast<char>(i);
  return bytes;
}

TEST_CASE("The hash is SipHash-2-4 of 128 bits: its authors' vectors") {
  // vectors_sip128 of the reference implementation, as two little-endian words each.
  CHECK(sip_hash(counting(0), key_low, key_high) ==
        Hash128{.low = 0xe6a825ba047f81a3ULL, .high = 0x930255c71472f66dULL});
  CHECK(sip_hash(counting(1), key_low, key_high) ==
        Hash128{.low = 0x44af996bd8c187daULL, .high = 0x45fc229b11597634ULL});
  CHECK(sip_hash(counting(15), key_low, key_high) ==
        Hash128{.low = 0x11a8b03399e99354ULL, .high = 0xd9c3cf970fec087eULL});
  CHECK(sip_hash(counting(63), key_low, key_high) ==
        Hash128{.low = 0x4a83502f77d15051ULL, .high = 0x7cbd3f979a063e50ULL});
}

TEST_CASE("Names of rules do not change with the version of the program") {
  // A rule written yesterday must be found tomorrow: these texts may never change.
  CHECK(stable_name("open/22,/TCP/ipv4/", 20) == "c24dcs2hlivnii5io5yz");
  CHECK(stable_name("", 16) == "tspdmfvch3bc3ks7");
}

TEST_CASE("A name has the length asked for and only characters that a rule may have") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = stable_name("rule " + std::to_string(i), 20);
    REQUIRE(name.size() == 20);
    REQUIRE(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == std::string::npos);
    seen.insert(name);
  }
  CHECK(seen.size() == 1000);
  CHECK(stable_name("x", 25).substr(0, 20) == stable_name("x", 20));
}

}  // namespace
}  // namespace portcullis::plan
