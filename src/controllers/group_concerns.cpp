#include "controllers/group_concerns.hpp"

#include <chrono>

#include "plan/rule_codec.hpp"

namespace portcullis::controllers {

OwnRules own_rules(const World& world, const std::string& group_key) {
  OwnRules rules;
  const auto view = world.groups.find(group_key);
  if (view == world.groups.end() || !view->second.group) return rules;
  for (const auto& rule : view->second.group->rules) {
    const auto mark = plan::read_mark(rule, world.instance);
    const auto* own = std::get_if<plan::OwnMark>(&mark);
    if (own == nullptr) continue;
    if (!own->owner.empty()) rules.owners.insert(own->owner);
    if (own->kind != plan::RuleKind::lock) rules.all_locks = false;
    if (own->kind != plan::RuleKind::open || !own->until) continue;
    rules.minutes.insert(std::chrono::ceil<std::chrono::minutes>(*own->until));
  }
  return rules;
}

std::set<std::string> policies_concerned(const World& world, const std::string& group_key,
                                         const OwnRules& rules) {
  std::set<std::string> keys;
  for (const std::string& machine : world.machines.behind(group_key)) {
    const auto& having = world.policy_views.having(machine);
    keys.insert(having.begin(), having.end());
  }
  for (const std::string& owner : rules.owners) {
    const auto& policies = world.policy_index.of_owner(owner);
    keys.insert(policies.begin(), policies.end());
  }
  return keys;
}

std::map<std::string, const model::AccessVerdict*> grants_concerned(const World& world,
                                                                    const std::string& group_key,
                                                                    const OwnRules& rules) {
  std::map<std::string, const model::AccessVerdict*> found;
  const TimePoint weighed = world.clock.now() - std::chrono::minutes(1);
  for (const std::string& machine : world.machines.behind(group_key)) {
    const auto& grants = world.verdict_index.on_machine(machine);
    auto grant = VerdictIndex::ending_after(grants, weighed);
    for (; grant != grants.end(); ++grant) found[(*grant)->meta.key()] = grant->get();
  }
  for (const TimePoint minute : rules.minutes) {
    auto [grant, last] = world.verdict_index.ending_in(minute);
    for (; grant != last; ++grant) found[(*grant)->meta.key()] = grant->get();
  }
  return found;
}

}  // namespace portcullis::controllers
