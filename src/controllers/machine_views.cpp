#include "controllers/machine_views.hpp"

#include <set>

#include "model/resource_id.hpp"

namespace portcullis::controllers {

const MachineViews::Keys& MachineViews::behind(const std::string& group_key) const {
  look_at_changed([this](const std::string& key, const MachineView* view) { place(key, view); });
  return behind_.of(group_key);
}

void MachineViews::place(const std::string& key, const MachineView* view) const {
  if (const auto before = groups_of_.extract(key)) {
    for (const std::string& group : before.mapped()) behind_.remove(group, key);
  }
  if (view == nullptr || !view->machine) return;
  std::set<std::string> groups;
  for (const auto& path : view->machine->paths) {
    for (const std::string& id : group_ids(path)) groups.insert(model::resource_key(id));
  }
  for (const std::string& group : groups) behind_.add(group, key);
  if (!groups.empty()) groups_of_.emplace(key, std::vector(groups.begin(), groups.end()));
}

std::vector<std::string> group_ids(const model::NetworkPath& path) {
  std::vector<std::string> ids;
  if (path.subnet_group) ids.push_back(*path.subnet_group);
  if (path.interface_group) ids.push_back(*path.interface_group);
  return ids;
}

}  // namespace portcullis::controllers
