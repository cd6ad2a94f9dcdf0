#pragma once

#include <map>
#include <set>
#include <string>

#include "controllers/world.hpp"

namespace portcullis::controllers {

/// Who may want anything of a group: all others need not be asked in each of its passes.

/// What the rules of ours that a group has tell of whom they are for.
struct OwnRules {
  std::set<std::string> owners{};  ///< of locks and exceptions
  std::set<TimePoint> minutes{};   ///< in which the open rules end
  bool all_locks = true;           ///< there are none but locks
};

/// As it was last read; none if it was not.
OwnRules own_rules(const World& world, const std::string& group_key);

/// Keys of the policies that have a machine behind the group, or a rule in it.
std::set<std::string> policies_concerned(const World& world, const std::string& group_key,
                                         const OwnRules& rules);

/// The grants whose machines stand behind the group and that may still have a rule by its mark, and
/// those that end in the minute in which a rule of the group ends; by their keys.
std::map<std::string, const model::AccessVerdict*> grants_concerned(const World& world,
                                                                    const std::string& group_key,
                                                                    const OwnRules& rules);

}  // namespace portcullis::controllers
