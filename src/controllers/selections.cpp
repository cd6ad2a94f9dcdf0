#include "controllers/selections.hpp"

#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"
#include "plan/rule_shape.hpp"
#include "plan/scope.hpp"

namespace portcullis::controllers {

Selection& selection_of(World& world, const model::JitPolicy& policy) {
  Selection& selection = world.selections[policy.meta.key()];
  if (selection.uid != policy.meta.uid) selection = {.uid = policy.meta.uid};
  return selection;
}

bool add_candidate(Selection& selection, const model::CloudAccount& account, std::string_view id) {
  const auto parsed = model::parse_resource_id(id);
  if (!parsed ||
      model::ascii_lower(parsed->subscription) != model::ascii_lower(account.subscription)) {
    return false;
  }
  std::string machine =
      model::virtual_machine_id(account.subscription, parsed->resource_group, parsed->name);
  const std::string key = model::resource_key(machine);
  if (model::resource_key(id) != key) return false;  // something else than a machine
  return selection.candidates.try_emplace(key, Selection::Candidate{.id = std::move(machine)})
      .second;
}

Held held_addresses(const World& world, const model::JitPolicy& policy, const std::string& owner,
                    const std::string& group_key) {
  const auto view = world.groups.find(group_key);
  const auto selection = world.selections.find(policy.meta.key());
  if (!plan::has_selector(policy) || view == world.groups.end() || !view->second.group ||
      selection == world.selections.end()) {
    return {};
  }
  model::PrefixSet locked;
  model::PrefixSet excepted;
  for (const auto& rule : view->second.group->rules) {
    const auto mark = plan::read_mark(rule, world.instance);
    const auto* own = std::get_if<plan::OwnMark>(&mark);
    if (own == nullptr || own->owner != owner || plan::is_inert(rule) ||
        !plan::only_addresses(rule.destination)) {
      continue;
    }
    auto& held = own->kind == plan::RuleKind::lock ? locked : excepted;
    held = held.unite(model::PrefixSet::of(rule.destination.prefixes));
  }
  const auto& candidates = selection->second.candidates;
  const auto& let_go = selection->second.let_go;
  // Nearly always the machines behind the group account for all that is locked in it.
  for (const auto& machine : world.machines.behind(group_key)) {
    const auto known = candidates.find(machine);
    if (known != candidates.end()) locked = locked.subtract(known->second.addresses);
  }
  for (auto it = candidates.begin(); it != candidates.end() && !locked.empty(); ++it) {
    locked = locked.subtract(it->second.addresses);
  }
  for (auto it = let_go.begin(); it != let_go.end() && !locked.empty(); ++it) {
    locked = locked.subtract(it->second);
  }
  if (locked.empty()) return {};
  return {.excepted = locked.intersect(excepted).cover(),
          .locked = locked.subtract(excepted).cover()};
}

}  // namespace portcullis::controllers
