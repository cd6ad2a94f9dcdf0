#include "lab/handlers.hpp"
#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

net::Response list_locks(const Cloud& cloud, const Call& call) {
  const std::string scope = "/subscriptions/" + cloud.world.subscription;
  if (auto refused = forbid(cloud, call, "Microsoft.Authorization/locks/read", scope)) {
    return *refused;
  }
  std::vector<Json> views;
  views.reserve(cloud.locks.size());
  for (const Lock& lock : cloud.locks) {
    views.push_back(
        Json{{"id", lock.scope + "/providers/Microsoft.Authorization/locks/" + lock.name},
             {"name", lock.name},
             {"type", "Microsoft.Authorization/locks"},
             {"properties", {{"level", lock.level}}}});
  }
  return page(cloud, call, views);
}

/// One role that gives everything but what was denied here. A denial below (of one NSG, say) does
/// not show, as in ARM.
net::Response list_permissions(const Cloud& cloud, const Call& call) {
  const std::string& group = call.path[3];
  if (!cloud.resource_groups.contains(lower(group))) return not_found(cloud, group, "", "");
  const std::string scope =
      "/subscriptions/" + cloud.world.subscription + "/resourceGroups/" + group;
  if (auto refused = forbid(cloud, call, "Microsoft.Authorization/permissions/read", scope)) {
    return *refused;
  }
  Json denied = Json::array();
  for (const Denial& denial : cloud.denials) {
    if (!denial.client.empty() && !same_name(denial.client, call.client)) continue;
    const bool holds_here =
        denial.scope.empty() || (lower(scope) + "/").starts_with(lower(denial.scope) + "/");
    if (holds_here) denied.push_back(denial.action);
  }
  const Json role = {{"actions", Json::array({"*"})}, {"notActions", std::move(denied)}};
  return page(cloud, call, {role});
}

}  // namespace

std::optional<net::Response> answer_authorization(const Cloud& cloud, const Call& call) {
  if (path_is(call, {"subscriptions", "*", "providers", "Microsoft.Authorization", "locks"})) {
    return call.method == "GET" ? list_locks(cloud, call) : empty_answer(405);
  }
  if (path_is(call, {"subscriptions", "*", "resourceGroups", "*", "providers",
                     "Microsoft.Authorization", "permissions"})) {
    return call.method == "GET" ? list_permissions(cloud, call) : empty_answer(405);
  }
  return std::nullopt;
}

}  // namespace portcullis::lab
