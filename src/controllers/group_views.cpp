#include "controllers/group_views.hpp"

#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {

const std::map<std::string, GroupViews::Keys>& GroupViews::by_subscription() const {
  catch_up();
  return subscriptions_.all();
}

const std::map<std::string, GroupViews::Keys>& GroupViews::not_passed() const {
  catch_up();
  return not_passed_.all();
}

const GroupViews::Keys& GroupViews::with_rules_of(const std::string& owner) const {
  catch_up();
  return owners_.of(owner);
}

const GroupViews::Keys& GroupViews::that_hold(Holds what) const {
  catch_up();
  return holders_[what];
}

GroupViews::Place GroupViews::place_of(const GroupView& view) const {
  Place place;
  if (const auto id = model::parse_resource_id(view.id)) {
    place.subscription = model::ascii_lower(id->subscription);
  }
  place.passed = view.passed || view.gone;
  if (!view.group) {
    if (view.listed_with_ours && !view.gone) place.holds.insert(Holds::unclear);
    return place;
  }
  for (const auto& rule : view.group->rules) {
    const auto mark = plan::read_mark(rule, instance_);
    if (std::holds_alternative<plan::UnreadableMark>(mark)) place.holds.insert(Holds::unclear);
    const auto* own = std::get_if<plan::OwnMark>(&mark);
    if (own == nullptr) continue;
    if (!own->owner.empty()) place.owners.insert(own->owner);
    if (own->kind != plan::RuleKind::lock) place.holds.insert(Holds::passing);
    if (own->kind != plan::RuleKind::open) continue;
    place.holds.insert(plan::is_inert(rule) ? Holds::inert : Holds::open);
  }
  return place;
}

void GroupViews::note(const std::string& key, const Place& place, bool comes) const {
  const auto change = [&](KeyIndex& index, const std::string& what) {
    comes ? index.add(what, key) : index.remove(what, key);
  };
  if (!place.subscription.empty()) {
    change(subscriptions_, place.subscription);
    if (!place.passed) change(not_passed_, place.subscription);
  }
  for (const auto& owner : place.owners) change(owners_, owner);
  for (const Holds what : place.holds) {
    if (comes) {
      holders_[what].insert(key);
    } else {
      holders_[what].erase(key);
    }
  }
}

void GroupViews::catch_up() const {
  look_at_changed([this](const std::string& key, const GroupView* view) {
    Place now = view == nullptr ? Place{} : place_of(*view);
    Place& known = places_[key];
    if (known != now) {
      note(key, known, false);
      note(key, now, true);
      known = std::move(now);
    }
    if (view == nullptr) places_.erase(key);
  });
}

}  // namespace portcullis::controllers
