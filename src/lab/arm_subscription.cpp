#include <set>

#include "lab/handlers.hpp"
#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

Json subscription_view(const World& world) {
  return {{"id", "/subscriptions/" + world.subscription},
          {"authorizationSource", "RoleBased"},
          {"subscriptionId", world.subscription},
          {"tenantId", world.tenant},
          {"displayName", "Portcullis lab"},
          {"state", "Enabled"},
          {"subscriptionPolicies",
           {{"locationPlacementId", "Public_2014-09-01"},
            {"quotaId", "PayAsYouGo_2014-09-01"},
            {"spendingLimit", "Off"}}}};
}

Json resource_group_view(const World& world, const std::string& name) {
  return {{"id", "/subscriptions/" + world.subscription + "/resourceGroups/" + name},
          {"name", name},
          {"type", "Microsoft.Resources/resourceGroups"},
          {"location", world.location},
          {"properties", {{"provisioningState", "Succeeded"}}}};
}

}  // namespace

std::optional<net::Response> answer_subscription(Cloud& cloud, const Call& call) {
  if (path_is(call, {"subscriptions"})) {
    return page(cloud, call, {subscription_view(cloud.world)});
  }
  if (path_is(call, {"subscriptions", "*"})) {
    const std::string id = "/subscriptions/" + cloud.world.subscription;
    if (auto refused = forbid(cloud, call, "Microsoft.Resources/subscriptions/read", id)) {
      return refused;
    }
    return json_answer(200, subscription_view(cloud.world));
  }
  if (path_is(call, {"subscriptions", "*", "resourcegroups"})) {
    std::vector<Json> views;
    views.reserve(cloud.resource_groups.size());
    for (const std::string& name : cloud.resource_groups) {
      views.push_back(resource_group_view(cloud.world, name));
    }
    return page(cloud, call, views);
  }
  if (path_is(call, {"subscriptions", "*", "resourcegroups", "*"})) {
    const bool exists = cloud.resource_groups.contains(lower(call.path[3]));
    if (call.method == "HEAD") return empty_answer(exists ? 204 : 404);
    if (!exists) return not_found(cloud, call.path[3], "", "");
    return json_answer(200, resource_group_view(cloud.world, call.path[3]));
  }
  return std::nullopt;
}

}  // namespace portcullis::lab
