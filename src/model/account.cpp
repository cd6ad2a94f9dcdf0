#include "model/account.hpp"

#include <algorithm>
#include <set>

#include "model/resource_id.hpp"

namespace portcullis::model {
namespace {

bool lists(const std::vector<std::string>& names, std::string_view wanted) {
  return std::ranges::any_of(names, [&](const std::string& name) {
    return name == "*" || ascii_lower(name) == ascii_lower(wanted);
  });
}

}  // namespace

bool allows(const CloudAccount& account, std::string_view ns, std::string_view resource_group) {
  return std::ranges::any_of(account.access, [&](const CloudAccount::Access& entry) {
    return lists(entry.namespaces, ns) && lists(entry.resource_groups, resource_group);
  });
}

bool allows_namespace(const CloudAccount& account, std::string_view ns) {
  return std::ranges::any_of(account.access, [&](const CloudAccount::Access& entry) {
    return lists(entry.namespaces, ns);
  });
}

bool may_write(const CloudAccount& account, std::string_view resource_group) {
  return lists(network_scope(account), resource_group);
}

std::vector<std::string> network_scope(const CloudAccount& account) {
  std::set<std::string> scope;
  for (const std::string& name : account.network_resource_groups) scope.insert(ascii_lower(name));
  if (scope.empty()) {
    for (const auto& entry : account.access) {
      for (const std::string& name : entry.resource_groups) scope.insert(ascii_lower(name));
    }
  }
  return {scope.begin(), scope.end()};
}

}  // namespace portcullis::model
