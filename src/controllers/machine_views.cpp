#include "controllers/machine_views.hpp"

#include <algorithm>

#include "model/resource_id.hpp"

namespace portcullis::controllers {

void MachineViews::erase(const std::string& key) {
  touched_.insert(key);
  views_.erase(key);
}

void MachineViews::erase_if(const std::function<bool(const Map::value_type&)>& goes) {
  for (auto it = views_.begin(); it != views_.end();) {
    const bool going = goes(*it);
    if (going) touched_.insert(it->first);
    it = going ? views_.erase(it) : std::next(it);
  }
}

void MachineViews::clear() {
  views_.clear();
  touched_.clear();
  behind_.clear();
  groups_of_.clear();
}

const std::set<std::string>& MachineViews::behind(const std::string& group_key) const {
  for (const std::string& key : touched_) place(key);
  touched_.clear();
  static const std::set<std::string> none;
  const auto found = behind_.find(group_key);
  return found == behind_.end() ? none : found->second;
}

void MachineViews::place(const std::string& key) const {
  if (const auto before = groups_of_.extract(key)) {
    for (const std::string& group : before.mapped()) {
      const auto found = behind_.find(group);
      found->second.erase(key);
      if (found->second.empty()) behind_.erase(found);
    }
  }
  const auto view = views_.find(key);
  if (view == views_.end() || !view->second.machine) return;
  std::set<std::string> groups;
  for (const auto& path : view->second.machine->paths) {
    for (const std::string& id : group_ids(path)) groups.insert(model::resource_key(id));
  }
  for (const std::string& group : groups) behind_[group].insert(key);
  if (!groups.empty()) groups_of_.emplace(key, std::vector(groups.begin(), groups.end()));
}

std::vector<std::string> group_ids(const model::NetworkPath& path) {
  std::vector<std::string> ids;
  if (path.subnet_group) ids.push_back(*path.subnet_group);
  if (path.interface_group) ids.push_back(*path.interface_group);
  return ids;
}

}  // namespace portcullis::controllers
