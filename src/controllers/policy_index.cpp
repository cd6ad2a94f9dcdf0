#include "controllers/policy_index.hpp"

#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {
namespace {

/// No resource group and no machine has a slash; a selector has no name.
std::string name_of(std::string_view resource_group, std::string_view machine) {
  return model::ascii_lower(resource_group) + "/" + model::ascii_lower(machine);
}

}  // namespace

void PolicyIndex::change(const std::string& key, const model::JitPolicy* before,
                         const model::JitPolicy* after) {
  const auto tell = [&](const model::JitPolicy& policy, auto does) {
    for (const auto& target : policy.targets) {
      does(names_, name_of(target.resource_group, target.name));
      does(groups_, model::ascii_lower(target.resource_group));
    }
    does(owners_, plan::owner_of(policy.account, policy.meta.ns, policy.meta.name));
  };
  if (before != nullptr) {
    tell(*before, [&](KeyIndex& index, const std::string& what) { index.remove(what, key); });
  }
  if (after != nullptr) {
    tell(*after, [&](KeyIndex& index, const std::string& what) { index.add(what, key); });
  }
}

std::set<std::string> PolicyIndex::naming(std::string_view resource_group,
                                          std::string_view machine) const {
  std::set<std::string> keys = names_.of(name_of(resource_group, machine));
  const auto& selecting = names_.of(name_of(resource_group, ""));
  keys.insert(selecting.begin(), selecting.end());
  return keys;
}

std::set<std::string> PolicyIndex::sharing(const model::PolicyTarget& target) const {
  if (target.name.empty()) return groups_.of(model::ascii_lower(target.resource_group));
  return naming(target.resource_group, target.name);
}

}  // namespace portcullis::controllers
