#include <algorithm>

#include "model/prefix.hpp"

namespace portcullis::model {
namespace {

__extension__ using Number = unsigned __int128;
using Bytes = PrefixSet::Bytes;

/// Addresses are counted as numbers; IPv4 lies in the first four bytes, the others stay zero.
int width_of(Family family) { return family == Family::ipv4 ? 32 : 128; }

Number to_number(const Bytes& bytes, Family family) {
  Number number = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(width_of(family) / 8); ++i) {
    number = (number << 8) | bytes[i];
  }
  return number;
}

Bytes to_bytes(Number number, Family family) {
  Bytes bytes{};
  for (auto i = static_cast<std::size_t>(width_of(family) / 8); i-- > 0; number >>= 8) {
    bytes[i] = static_cast<std::uint8_t>(number & 0xff);
  }
  return bytes;
}

/// 2^bits - 1, also for 128.
Number mask(int bits) { return bits == 128 ? ~Number{0} : (Number{1} << bits) - 1; }

bool touches(const Bytes& last, const Bytes& first, Family family) {
  return to_number(last, family) + 1 == to_number(first, family);
}

Bytes next(const Bytes& bytes, Family family) {
  return to_bytes(to_number(bytes, family) + 1, family);
}

Bytes previous(const Bytes& bytes, Family family) {
  return to_bytes(to_number(bytes, family) - 1, family);
}

template <typename Ranges>
Ranges unite_ranges(const Ranges& a, const Ranges& b, Family family) {
  Ranges sorted;
  sorted.reserve(a.size() + b.size());
  std::ranges::merge(a, b, std::back_inserter(sorted),
                     [](const auto& x, const auto& y) { return x.first < y.first; });
  Ranges merged;
  for (const auto& range : sorted) {
    if (!merged.empty() &&
        (range.first <= merged.back().last || touches(merged.back().last, range.first, family))) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

template <typename Ranges>
Ranges intersect_ranges(const Ranges& a, const Ranges& b) {
  Ranges both;
  auto left = a.begin();
  auto right = b.begin();
  while (left != a.end() && right != b.end()) {
    const Bytes& first = std::max(left->first, right->first);
    const Bytes& last = std::min(left->last, right->last);
    if (first <= last) both.push_back({first, last});
    left->last < right->last ? ++left : ++right;
  }
  return both;
}

template <typename Ranges>
Ranges subtract_ranges(const Ranges& a, const Ranges& b, Family family) {
  Ranges rest;
  auto cut = b.begin();
  for (auto range : a) {
    while (cut != b.end() && cut->last < range.first) ++cut;
    bool gone = false;
    for (auto each = cut; each != b.end() && each->first <= range.last; ++each) {
      if (range.first < each->first) {
        rest.push_back({range.first, previous(each->first, family)});
      }
      if (each->last >= range.last) {
        gone = true;
        break;
      }
      range.first = next(each->last, family);
    }
    if (!gone) rest.push_back(range);
  }
  return rest;
}

template <typename Ranges>
void add_cover(const Ranges& ranges, Family family, std::vector<Prefix>& cover) {
  const int width = width_of(family);
  for (const auto& range : ranges) {
    Number first = to_number(range.first, family);
    const Number last = to_number(range.last, family);
    while (true) {
      // The largest aligned block that starts here and does not pass the end.
      int free = 0;
      while (free < width && (first & mask(free + 1)) == 0 && last - first >= mask(free + 1)) {
        ++free;
      }
      cover.push_back({.family = family,
                       .length = static_cast<std::uint8_t>(width - free),
                       .bytes = to_bytes(first, family)});
      if (last - first == mask(free)) break;
      first += mask(free) + 1;
    }
  }
}

}  // namespace

PrefixSet PrefixSet::of(const Prefix& prefix) {
  const int width = width_of(prefix.family);
  const Number first = to_number(prefix.bytes, prefix.family);
  const Number last = first | mask(width - prefix.length);
  PrefixSet set;
  (prefix.family == Family::ipv4 ? set.v4_ : set.v6_)
      .push_back({to_bytes(first, prefix.family), to_bytes(last, prefix.family)});
  return set;
}

PrefixSet PrefixSet::of(const std::vector<Prefix>& prefixes) {
  std::vector<Prefix> sorted = prefixes;
  std::ranges::sort(sorted, [](const Prefix& a, const Prefix& b) { return a.bytes < b.bytes; });
  PrefixSet set;
  for (const Prefix& prefix : sorted) {
    const bool v4 = prefix.family == Family::ipv4;
    Ranges& ranges = v4 ? set.v4_ : set.v6_;
    const PrefixSet one = of(prefix);
    const Range& range = v4 ? one.v4_.front() : one.v6_.front();
    if (!ranges.empty() && (range.first <= ranges.back().last ||
                            touches(ranges.back().last, range.first, prefix.family))) {
      ranges.back().last = std::max(ranges.back().last, range.last);
    } else {
      ranges.push_back(range);
    }
  }
  return set;
}

PrefixSet PrefixSet::everything() {
  return everything(Family::ipv4).unite(everything(Family::ipv6));
}

PrefixSet PrefixSet::everything(Family family) { return of(Prefix{.family = family}); }

bool PrefixSet::contains(const Prefix& prefix) const { return contains(of(prefix)); }

bool PrefixSet::contains(const PrefixSet& other) const { return other.subtract(*this).empty(); }

PrefixSet PrefixSet::unite(const PrefixSet& other) const {
  PrefixSet set;
  set.v4_ = unite_ranges(v4_, other.v4_, Family::ipv4);
  set.v6_ = unite_ranges(v6_, other.v6_, Family::ipv6);
  return set;
}

PrefixSet PrefixSet::intersect(const PrefixSet& other) const {
  PrefixSet set;
  set.v4_ = intersect_ranges(v4_, other.v4_);
  set.v6_ = intersect_ranges(v6_, other.v6_);
  return set;
}

PrefixSet PrefixSet::subtract(const PrefixSet& other) const {
  PrefixSet set;
  set.v4_ = subtract_ranges(v4_, other.v4_, Family::ipv4);
  set.v6_ = subtract_ranges(v6_, other.v6_, Family::ipv6);
  return set;
}

PrefixSet PrefixSet::of_family(Family family) const {
  PrefixSet set;
  (family == Family::ipv4 ? set.v4_ : set.v6_) = family == Family::ipv4 ? v4_ : v6_;
  return set;
}

std::vector<Prefix> PrefixSet::cover() const {
  std::vector<Prefix> cover;
  add_cover(v4_, Family::ipv4, cover);
  add_cover(v6_, Family::ipv6, cover);
  return cover;
}

}  // namespace portcullis::model
