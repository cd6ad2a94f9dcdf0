#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/virtual_machine.hpp"

namespace portcullis::controllers {

/// A machine as last read; an error leaves the last good reading in place.
struct MachineView {
  std::optional<model::VirtualMachine> machine{};
  TimePoint read_at{};
  std::optional<Error> error{};
  TimePoint failed_at{};                     ///< when that was
  std::optional<TimePoint> missing_since{};  ///< first 404 in a row
  bool gone = false;                         ///< 404 on its id twice, at least 5 s apart
  std::uint64_t read_against = 0;            ///< what lists showed of it when it was last read
  int contradicted = 0;  ///< further readings in a row that the same list contradicts
};

/// Machines by `resource_key`, and which of them stand behind a group: each group is planned for
/// its own machines, without a look at all the others. One thread.
class MachineViews {
 public:
  using Map = std::map<std::string, MachineView>;

  /// Whoever gets a view that can be changed has done so before `behind` is asked again.
  MachineView& operator[](const std::string& key) {
    touched_.insert(key);
    return views_[key];
  }
  MachineView& at(const std::string& key) {
    touched_.insert(key);
    return views_.at(key);
  }
  const MachineView& at(const std::string& key) const { return views_.at(key); }
  Map::const_iterator find(const std::string& key) const { return views_.find(key); }
  Map::const_iterator begin() const { return views_.begin(); }
  Map::const_iterator end() const { return views_.end(); }
  bool contains(const std::string& key) const { return views_.contains(key); }
  std::size_t size() const { return views_.size(); }
  bool empty() const { return views_.empty(); }

  void erase(const std::string& key);
  void erase_if(const std::function<bool(const Map::value_type&)>& goes);
  void clear();

  /// Keys of the machines that, as last read, have an address behind the group.
  const std::set<std::string>& behind(const std::string& group_key) const;

 private:
  void place(const std::string& key) const;

  Map views_;
  mutable std::set<std::string> touched_;  ///< whose place may be another
  mutable std::map<std::string, std::set<std::string>> behind_;
  mutable std::map<std::string, std::vector<std::string>> groups_of_;
};

/// Ids of the groups on one way, in the order of passing.
std::vector<std::string> group_ids(const model::NetworkPath& path);

}  // namespace portcullis::controllers
