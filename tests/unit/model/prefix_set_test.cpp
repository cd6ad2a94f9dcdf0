#include <rapidcheck/catch.h>
#include <bitset>
#include <catch2/catch.hpp>
#include <iostream>
#include <string>

#include "model/prefix.hpp"

namespace portcullis::model {
namespace {

Prefix prefix(std::string_view text) { return parse_prefix(text).value(); }

std::vector<std::string> texts(const PrefixSet& set) {
  std::vector<std::string> list;
  for (const Prefix& each : set.cover()) list.push_back(to_string(each));
  return list;
}

/// 256 addresses at the very end of a family, where arithmetic could wrap: the last byte counts.
struct Universe {
  Family family;

  Prefix make(unsigned last, int free_bits) const {
    Prefix made{.family = family};
    const std::size_t size = family == Family::ipv4 ? 4 : 16;
    for (std::size_t i = 0; i + 1 < size; ++i) made.bytes[i] = 0xff;
    made.bytes[size - 1] = static_cast<std::uint8_t>(last >> free_bits << free_bits);
    made.length = static_cast<std::uint8_t>(size * 8 - static_cast<std::size_t>(free_bits));
    return made;
  }
};

using Brute = std::bitset<512>;  ///< IPv4's 256 addresses, then IPv6's

struct Both {
  PrefixSet set;
  Brute brute;
};

Both random_set() {
  Both both;
  std::vector<Prefix> prefixes;
  const int count = *rc::gen::inRange(0, 8);
  for (int i = 0; i < count; ++i) {
    const bool v6 = *rc::gen::arbitrary<bool>();
    const auto last = static_cast<unsigned>(*rc::gen::inRange(0, 256));
    const int free_bits = *rc::gen::inRange(0, 9);
    const Universe universe{v6 ? Family::ipv6 : Family::ipv4};
    prefixes.push_back(universe.make(last, free_bits));
    const unsigned first = last >> free_bits << free_bits;
    for (unsigned j = first; j < first + (1U << free_bits); ++j) both.brute.set(j + (v6 ? 256 : 0));
  }
  both.set = PrefixSet::of(prefixes);
  return both;
}

Brute members(const PrefixSet& set) {
  Brute brute;
  for (unsigned i = 0; i < 256; ++i) {
    brute[i] = set.contains(Universe{Family::ipv4}.make(i, 0));
    brute[i + 256] = set.contains(Universe{Family::ipv6}.make(i, 0));
  }
  return brute;
}

/// The fewest prefixes that cover exactly `brute`: counted on the tree of all prefixes.
int fewest(const Brute& brute, unsigned first, unsigned size) {
  unsigned inside = 0;
  for (unsigned i = first; i < first + size; ++i) inside += brute[i] ? 1U : 0U;
  if (inside == 0) return 0;
  if (inside == size) return 1;
  return fewest(brute, first, size / 2) + fewest(brute, first + size / 2, size / 2);
}

TEST_CASE("Sets do what sets of addresses do, up to the last address of a family") {
  rc::prop("union, intersection and difference, against bits", [] {
    const Both a = random_set();
    const Both b = random_set();
    RC_ASSERT(members(a.set) == a.brute);
    RC_ASSERT(members(a.set.unite(b.set)) == (a.brute | b.brute));
    RC_ASSERT(members(a.set.intersect(b.set)) == (a.brute & b.brute));
    RC_ASSERT(members(a.set.subtract(b.set)) == (a.brute & ~b.brute));
    RC_ASSERT(a.set.contains(b.set) == ((b.brute & ~a.brute).none()));
    RC_ASSERT((a.set == b.set) == (a.brute == b.brute));
    RC_ASSERT(a.set.empty() == a.brute.none());
  });
}

TEST_CASE("A cover is exact, disjoint, sorted and as short as can be") {
  rc::prop("for sets of both families", [] {
    const Both a = random_set();
    const auto cover = a.set.cover();
    RC_ASSERT(PrefixSet::of(cover) == a.set);
    RC_ASSERT(std::is_sorted(cover.begin(), cover.end(), [](const Prefix& x, const Prefix& y) {
      return std::pair(x.family, x.bytes) < std::pair(y.family, y.bytes);
    }));
    for (std::size_t i = 1; i < cover.size(); ++i) RC_ASSERT(!overlap(cover[i - 1], cover[i]));
    RC_ASSERT(static_cast<int>(cover.size()) ==
              fewest(a.brute, 0, 256) + fewest(a.brute, 256, 256));
  });
}

TEST_CASE("Neighbours become one prefix, and all of a family is one") {
  CHECK(texts(PrefixSet::of({prefix("10.0.0.1"), prefix("10.0.0.0")})) ==
        std::vector<std::string>{"10.0.0.0/31"});
  CHECK(texts(PrefixSet::of({prefix("0.0.0.0/1"), prefix("128.0.0.0/1")})) ==
        std::vector<std::string>{"0.0.0.0/0"});
  CHECK(texts(PrefixSet::everything()) == std::vector<std::string>{"0.0.0.0/0", "::/0"});
  CHECK(PrefixSet::of({prefix("::/1"), prefix("8000::/1")}) == PrefixSet::everything(Family::ipv6));
}

TEST_CASE("Taking one address out of everything leaves one prefix of each length") {
  const auto rest =
      PrefixSet::everything(Family::ipv6).subtract(PrefixSet::of(prefix("2001:db8::1"))).cover();
  CHECK(rest.size() == 128);
  CHECK_FALSE(PrefixSet::of(rest).contains(prefix("2001:db8::1")));
  CHECK(PrefixSet::of(rest).contains(prefix("2001:db8::2")));
}

TEST_CASE("A set can be cut down to a family") {
  const auto both = PrefixSet::of({prefix("10.0.0.1"), prefix("::1")});
  CHECK(texts(both.of_family(Family::ipv4)) == std::vector<std::string>{"10.0.0.1/32"});
  CHECK(texts(both.of_family(Family::ipv6)) == std::vector<std::string>{"::1/128"});
}

}  // namespace
}  // namespace portcullis::model
