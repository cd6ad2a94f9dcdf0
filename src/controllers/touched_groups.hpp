#pragma once

#include <string>

#include "controllers/key_index.hpp"

namespace portcullis::controllers {

/// Groups that a grant had rules in: where its closing has to be proven. Both ways.
class TouchedGroups {
 public:
  void add(const std::string& grant, const std::string& group_key) {
    groups_.add(grant, group_key);
    grants_.add(group_key, grant);
  }

  void erase(const std::string& grant) {
    const auto groups = groups_.of(grant);
    for (const auto& group : groups) {
      groups_.remove(grant, group);
      grants_.remove(group, grant);
    }
  }

  void clear() {
    groups_.clear();
    grants_.clear();
  }

  const KeyIndex::Keys& groups_of(const std::string& grant) const { return groups_.of(grant); }
  const KeyIndex::Keys& grants_in(const std::string& group_key) const {
    return grants_.of(group_key);
  }

 private:
  KeyIndex groups_;
  KeyIndex grants_;
};

}  // namespace portcullis::controllers
