#pragma once

#include "model/security_rule.hpp"

namespace portcullis::plan {

inline constexpr int most_rules = 1000;     ///< of one group, both directions
inline constexpr int most_prefixes = 4000;  ///< of one group, sources and destinations each

/// How much of a group's limits is used. "*", a service tag and an application group count as one.
struct Capacity {
  int rules = 0;
  int sources = 0;
  int destinations = 0;

  static Capacity of(const model::SecurityRule& rule);
  static Capacity of(const model::SecurityGroup& group);

  Capacity plus(const Capacity& other) const;
  Capacity minus(const Capacity& other) const;

  /// Whether this may follow `before`: within each limit, or at least not further beyond it.
  bool fits_after(const Capacity& before) const;
};

}  // namespace portcullis::plan
