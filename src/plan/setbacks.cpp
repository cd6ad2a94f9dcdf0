#include "plan/setbacks.hpp"

#include "model/resource_id.hpp"

namespace portcullis::plan {

void Setbacks::add(const Change& change) {
  rules_.insert(model::ascii_lower(change.rule.name));
  const bool put = change.kind == Change::Kind::put;
  if (put && !change.owner.empty()) owners_.insert(change.owner);
  if (!put) kept_.insert(change.rule.priority);
}

bool Setbacks::hold_up(const Change& change) const {
  if (change.change_class == ChangeClass::close || change.change_class == ChangeClass::cleanup) {
    return false;
  }
  if (owners_.contains(change.owner)) return true;
  if (change.kind != Change::Kind::put) return false;
  return rules_.contains(model::ascii_lower(change.rule.name)) ||
         kept_.contains(change.rule.priority);
}

}  // namespace portcullis::plan
