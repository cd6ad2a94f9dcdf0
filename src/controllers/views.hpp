#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

namespace portcullis::controllers {

/// What was found out, by key; the base of views that can be asked for by more than their keys.
/// Whoever gets a view that can be changed has done so before the next such question, for which all
/// that may have changed is looked at again: nobody has to tell what they changed. One thread.
template <typename View>
class Views {
 public:
  using Map = std::map<std::string, View>;
  using Keys = std::set<std::string>;

  View& operator[](const std::string& key) {
    changed_.insert(key);
    return views_[key];
  }
  View& at(const std::string& key) {
    changed_.insert(key);
    return views_.at(key);
  }
  const View& at(const std::string& key) const { return views_.at(key); }
  typename Map::const_iterator find(const std::string& key) const { return views_.find(key); }
  typename Map::const_iterator begin() const { return views_.begin(); }
  typename Map::const_iterator end() const { return views_.end(); }
  bool contains(const std::string& key) const { return views_.contains(key); }
  std::size_t size() const { return views_.size(); }
  bool empty() const { return views_.empty(); }

  void erase(const std::string& key) {
    changed_.insert(key);
    views_.erase(key);
  }
  template <typename Goes>
  void erase_if(Goes goes) {
    std::erase_if(views_, [&](const typename Map::value_type& one) {
      const bool going = goes(one);
      if (going) changed_.insert(one.first);
      return going;
    });
  }
  void clear() {
    erase_if([](const auto&) { return true; });
  }

 protected:
  ~Views() = default;

  /// `look(key, view)` for each that may have changed, come or gone (null) since the last call.
  template <typename Look>
  void look_at_changed(Look look) const {
    for (const std::string& key : changed_) {
      const auto view = views_.find(key);
      look(key, view == views_.end() ? nullptr : &view->second);
    }
    changed_.clear();
  }

 private:
  Map views_;
  mutable Keys changed_;
};

}  // namespace portcullis::controllers
