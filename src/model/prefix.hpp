#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::model {

enum class Family : std::uint8_t { ipv4, ipv6 };

/// An IP prefix in canonical form: no bit set beyond `length`. IPv4 lies in the first four bytes.
struct Prefix {
  Family family = Family::ipv4;
  std::uint8_t length = 0;
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Prefix&) const = default;

  bool is_single() const { return length == (family == Family::ipv4 ? 32 : 128); }
};

/// "203.0.113.0/24", "2001:db8::/32", or a bare address (a prefix of full length). Strict: no
/// leading zeros, zones, masks, spaces, IPv4-mapped IPv6, or bits beyond the length. Any letter
/// case and any valid compression of IPv6 is read.
std::optional<Prefix> parse_prefix(std::string_view text);

/// Always with its length: "203.0.113.7/32"; IPv6 in RFC 5952 form.
std::string to_string(const Prefix& prefix);

/// Whether every address of `inner` is in `outer`; families differ: no.
bool contains(const Prefix& outer, const Prefix& inner);

bool overlap(const Prefix& a, const Prefix& b);

/// A set of addresses of both families, exact: unions, differences and comparisons are of
/// addresses, not of texts. Equal sets compare equal however they were made.
class PrefixSet {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  PrefixSet() = default;
  static PrefixSet of(const Prefix& prefix);
  static PrefixSet of(const std::vector<Prefix>& prefixes);
  static PrefixSet everything();
  static PrefixSet everything(Family family);

  bool empty() const { return v4_.empty() && v6_.empty(); }
  bool contains(const Prefix& prefix) const;
  bool contains(const PrefixSet& other) const;

  PrefixSet unite(const PrefixSet& other) const;
  PrefixSet intersect(const PrefixSet& other) const;
  PrefixSet subtract(const PrefixSet& other) const;
  PrefixSet of_family(Family family) const;

  /// The minimal list of disjoint prefixes that covers exactly this set, sorted, IPv4 first.
  std::vector<Prefix> cover() const;

  bool operator==(const PrefixSet&) const = default;

 private:
  struct Range {
    Bytes first;
    Bytes last;  ///< inclusive
    bool operator==(const Range&) const = default;
  };
  using Ranges = std::vector<Range>;  ///< sorted, disjoint, not adjacent

  Ranges v4_;
  Ranges v6_;
};

}  // namespace portcullis::model
