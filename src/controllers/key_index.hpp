#pragma once

#include <map>
#include <set>
#include <string>

namespace portcullis::controllers {

/// Keys of objects by something that they have or name. Knows nothing by itself: whoever owns it
/// says what comes and goes, in one place.
class KeyIndex {
 public:
  using Keys = std::set<std::string>;

  void add(const std::string& what, const std::string& key) { keys_[what].insert(key); }

  /// What nothing is left under is forgotten.
  void remove(const std::string& what, const std::string& key) {
    const auto found = keys_.find(what);
    if (found == keys_.end()) return;
    found->second.erase(key);
    if (found->second.empty()) keys_.erase(found);
  }

  void clear() { keys_.clear(); }

  const Keys& of(const std::string& what) const {
    static const Keys none;
    const auto found = keys_.find(what);
    return found == keys_.end() ? none : found->second;
  }

  const std::map<std::string, Keys>& all() const { return keys_; }

 private:
  std::map<std::string, Keys> keys_;
};

}  // namespace portcullis::controllers
