#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "controllers/key_index.hpp"
#include "controllers/policy_view.hpp"

namespace portcullis::controllers {

/// What the passes of policies found, by "namespace/name"; and which policies have a machine, so
/// that each group is planned for those of its own machines. One thread.
class PolicyViews {
 public:
  using Map = std::map<std::string, PolicyView>;
  using Keys = KeyIndex::Keys;

  /// Whoever gets a view that can be changed has done so before any question below is asked.
  PolicyView& operator[](const std::string& key) {
    changed_.insert(key);
    return views_[key];
  }
  PolicyView& at(const std::string& key) {
    changed_.insert(key);
    return views_.at(key);
  }
  const PolicyView& at(const std::string& key) const { return views_.at(key); }
  Map::const_iterator find(const std::string& key) const { return views_.find(key); }
  Map::const_iterator begin() const { return views_.begin(); }
  Map::const_iterator end() const { return views_.end(); }
  void erase(const std::string& key);
  void clear();

  /// Keys of those with the machine among their targets.
  const Keys& having(const std::string& machine_key) const;

  /// Keys of those that are being deleted and whose locks may go.
  const Keys& leaving() const;

 private:
  void catch_up() const;

  Map views_;
  mutable Keys changed_;  ///< whose targets may be others
  mutable std::map<std::string, Keys> machines_of_;
  mutable KeyIndex having_;
  mutable Keys leaving_;
};

}  // namespace portcullis::controllers
