#pragma once

#include <map>
#include <set>
#include <string>

#include "plan/rule_shape.hpp"
#include "plan/rule_wants.hpp"

namespace portcullis::plan {

/// Drafts by rule name. Wants of one identity are one rule; a family without address has none, nor
/// has an exception that counts nowhere.
std::map<std::string, Draft> draft_locks(const GroupDesired& desired);
std::map<std::string, Draft> draft_keeps(const GroupDesired& desired);

/// Where this exception of the owner counts for nothing.
model::PrefixSet overruled_at(const GroupDesired& desired, const std::string& owner,
                              const model::SecurityRule& keep);

/// Whether the keep still says what its name says: an altered source, port or protocol does not fit
/// the hash. Destinations are not in it, since they change with the machines.
bool keep_fits_name(const model::SecurityRule& rule, const OwnMark& mark,
                    std::string_view instance);

/// Who is who among owners.
struct Owners {
  explicit Owners(const GroupDesired& desired);

  /// Whether the owner's locks may go from this group, and why.
  const ReleaseEvidence* release(const std::string& owner) const;
  bool known(const std::string& owner) const { return known_.contains(owner); }

 private:
  std::map<std::string, ReleaseEvidence> releases_;
  std::set<std::string> known_;
};

}  // namespace portcullis::plan
