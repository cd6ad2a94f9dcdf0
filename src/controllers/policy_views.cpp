#include "controllers/policy_views.hpp"

#include "model/resource_id.hpp"

namespace portcullis::controllers {

std::optional<std::size_t> PolicyView::place_of(const std::string& machine_key) const {
  if (places_made_for != targets.size()) {
    places.clear();
    for (std::size_t i = 0; i < targets.size(); ++i) {
      places.emplace(model::resource_key(targets[i].machine.id), i);
    }
    places_made_for = targets.size();
  }
  const auto found = places.find(machine_key);
  return found == places.end() ? std::nullopt : std::optional(found->second);
}

const PolicyViews::Keys& PolicyViews::having(const std::string& machine_key) const {
  catch_up();
  return having_.of(machine_key);
}

const PolicyViews::Keys& PolicyViews::leaving() const {
  catch_up();
  return leaving_;
}

void PolicyViews::catch_up() const {
  look_at_changed([this](const std::string& key, const PolicyView* view) {
    Keys machines;
    leaving_.erase(key);
    if (view != nullptr) {
      for (const auto& target : view->targets) {
        machines.insert(model::resource_key(target.machine.id));
      }
      if (view->leaving) leaving_.insert(key);
    }
    Keys& known = machines_of_[key];
    if (known != machines) {
      for (const auto& machine : known) having_.remove(machine, key);
      for (const auto& machine : machines) having_.add(machine, key);
      known = std::move(machines);
    }
    if (known.empty()) machines_of_.erase(key);
  });
}

}  // namespace portcullis::controllers
