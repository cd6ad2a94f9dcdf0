#pragma once

#include <set>
#include <string>
#include <string_view>

#include "controllers/key_index.hpp"
#include "model/policy.hpp"

namespace portcullis::controllers {

/// Policies by what their specs name. What is shown is what `change` was told.
class PolicyIndex {
 public:
  /// A policy came (no `before`), changed, or went (no `after`).
  void change(const std::string& key, const model::JitPolicy* before,
              const model::JitPolicy* after);

  /// Keys of those that may have the machine, as far as its id tells: they name it, or have a
  /// selector of its resource group. Letter case is ignored.
  std::set<std::string> naming(std::string_view resource_group, std::string_view machine) const;

  /// Keys of those that may have a machine in common with the target, whatever its tags.
  std::set<std::string> sharing(const model::PolicyTarget& target) const;

  /// Keys of those whose locks have this owner (see `plan::owner_of`): one, or none.
  const KeyIndex::Keys& of_owner(const std::string& owner) const { return owners_.of(owner); }

 private:
  KeyIndex names_;   ///< by "group/machine", and by "group/" for selectors
  KeyIndex groups_;  ///< by resource group
  KeyIndex owners_;
};

}  // namespace portcullis::controllers
