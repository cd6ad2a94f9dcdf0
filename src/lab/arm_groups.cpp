#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/handlers.hpp"
#include "lab/names.hpp"
#include "lab/rule_form.hpp"
#include "lab/views.hpp"

namespace portcullis::lab {
namespace {

constexpr const char* type = "Microsoft.Network/networkSecurityGroups";
constexpr const char* read_action = "Microsoft.Network/networkSecurityGroups/read";

net::Response list_groups(const Cloud& cloud, const Call& call, const std::string* resource_group) {
  if (resource_group != nullptr && !cloud.resource_groups.contains(lower(*resource_group))) {
    return not_found(cloud, *resource_group, type, "");
  }
  std::vector<Json> views;
  for (const SecurityGroup& group : cloud.world.groups) {
    if (resource_group != nullptr && !same_name(group.resource_group, *resource_group)) continue;
    if (!cloud.may(call.client, read_action, id_of(cloud.world, group))) continue;
    views.push_back(group_view(cloud.world, group));
  }
  return page(cloud, call, views);
}

net::Response get_group(const Cloud& cloud, const Call& call) {
  const std::string id = group_id(cloud.world, call.path[3], call.path[7]);
  if (auto refused = forbid(cloud, call, read_action, id)) return *refused;
  const SecurityGroup* group = find_group(cloud.world, call.path[3], call.path[7]);
  if (group == nullptr) return not_found(cloud, call.path[3], type, call.path[7]);
  net::Response response = json_answer(200, group_view(cloud.world, *group));
  set_header(response, "ETag", etag_of(cloud.world, *group));
  return response;
}

/// The rules of a whole-NSG write: what is not in the list is gone.
std::optional<net::Response> read_rules(const Cloud& cloud, const Json& list,
                                        SecurityGroup& group) {
  std::vector<Rule> rules;
  if (!list.is_null() && !list.is_array()) {
    return unreadable("Unexpected value. Path 'properties.securityRules'.");
  }
  for (const Json& body : list) {
    const std::string name = body.is_object() ? body.value("name", "") : "";
    if (auto refused = refuse_rule_name(name)) return refused;
    auto properties = read_rule_body(body, rule_id(cloud.world, group, name), name);
    if (!properties) return properties.error();
    if (cloud.settings.drop_host_lengths) drop_host_lengths(*properties);
    (*properties)["provisioningState"] = "Updating";
    rules.push_back({name, std::move(*properties)});
  }
  group.rules = std::move(rules);
  return refuse_group(cloud.world, group, group.rules.empty() ? "" : group.rules.back().name);
}

std::optional<net::Response> read_group(const Cloud& cloud, const Json& body,
                                        SecurityGroup& group) {
  if (!body.is_object()) return unreadable("The body is no object. Path ''.");
  constexpr std::array members = {"id", "name", "type", "etag", "location", "tags", "properties"};
  for (const auto& [member, value] : body.items()) {
    if (std::ranges::find(members, member) == members.end()) {
      return unknown_member(member, "NetworkSecurityGroup", member);
    }
  }
  if (body.value("location", Json()).is_null()) {
    return arm_error(400, "LocationRequired",
                     "The location property is required for this definition.");
  }
  const Json properties = body.value("properties", Json::object());
  constexpr std::array known = {
      "securityRules", "defaultSecurityRules", "networkInterfaces", "subnets",
      "resourceGuid",  "provisioningState",    "flushConnection",   "flowLogs"};
  for (const auto& [member, value] : properties.items()) {
    if (std::ranges::find(known, member) == known.end()) {
      return unknown_member(member, "NetworkSecurityGroupPropertiesFormat", "properties." + member);
    }
  }
  const Json flush = properties.value("flushConnection", Json());
  if (!flush.is_null() && !flush.is_boolean()) {
    return unreadable("Unexpected value. Path 'properties.flushConnection'.");
  }
  if (flush.is_boolean()) group.flush_connection = flush.get<bool>();
  group.tags.clear();
  const Json tags = body.value("tags", Json());
  if (tags.is_object()) {
    for (const auto& [name, value] : tags.items()) {
      if (value.is_string()) group.tags[name] = value.get<std::string>();
    }
  }
  return read_rules(cloud, properties.value("securityRules", Json()), group);
}

net::Response put_group(Cloud& cloud, const Call& call, const Twist& twist) {
  const std::string id = group_id(cloud.world, call.path[3], call.path[7]);
  if (auto refused = forbid(cloud, call, "Microsoft.Network/networkSecurityGroups/write", id)) {
    return *refused;
  }
  if (auto refused = refuse_locked(cloud, id, false)) return *refused;
  if (!cloud.resource_groups.contains(lower(call.path[3]))) {
    return not_found(cloud, call.path[3], type, call.path[7]);
  }
  const auto body = read_body(call);
  if (!body) return body.error();
  const SecurityGroup* existing = find_group(cloud.world, call.path[3], call.path[7]);
  SecurityGroup wanted = existing != nullptr
                             ? *existing
                             : SecurityGroup{.resource_group = call.path[3], .name = call.path[7]};
  if (existing != nullptr) {
    if (auto refused = refuse_stale(cloud, call, *existing)) return *refused;
  } else {
    wanted.guid = cloud.make_guid();
  }
  if (auto refused = read_group(cloud, *body, wanted)) return *refused;
  const std::string operation_id = cloud.make_guid();
  if (auto refused = refuse_busy(cloud, id, operation_id)) return *refused;
  existing = find_group(cloud.world, call.path[3], call.path[7]);
  const std::optional<SecurityGroup> before =
      existing != nullptr ? std::optional(*existing) : std::nullopt;
  if (existing != nullptr) {
    *find_group(cloud.world, call.path[3], call.path[7]) = wanted;
  } else {
    cloud.world.groups.push_back(wanted);
  }
  const Operation& started = start_operation(cloud, call,
                                             {.id = operation_id,
                                              .kind = "PutNetworkSecurityGroupOperation",
                                              .group = id,
                                              .group_before = before},
                                             twist);
  net::Response response =
      json_answer(before ? 200 : 201,
                  group_view(cloud.world, *find_group(cloud.world, call.path[3], call.path[7])));
  add_operation_headers(cloud, call, started, false, response);
  return response;
}

net::Response delete_group(Cloud& cloud, const Call& call, const Twist& twist) {
  const std::string id = group_id(cloud.world, call.path[3], call.path[7]);
  if (auto refused = forbid(cloud, call, "Microsoft.Network/networkSecurityGroups/delete", id)) {
    return *refused;
  }
  if (auto refused = refuse_locked(cloud, id, true)) return *refused;
  const SecurityGroup* group = find_group(cloud.world, call.path[3], call.path[7]);
  if (group == nullptr) return empty_answer(204);
  const Json properties = group_view(cloud.world, *group)["properties"];
  if (properties.contains("networkInterfaces") || properties.contains("subnets")) {
    return arm_error(400, "InUseNetworkSecurityGroupCannotBeDeleted",
                     fmt::format("Network security group {} cannot be deleted because it is in use "
                                 "by network interfaces or subnets.",
                                 id),
                     Json::array());
  }
  const std::string operation_id = cloud.make_guid();
  if (auto refused = refuse_busy(cloud, id, operation_id)) return *refused;
  const Operation& started =
      start_operation(cloud, call,
                      {.id = operation_id,
                       .kind = "DeleteNetworkSecurityGroupOperation",
                       .group = id,
                       .deletes = true,
                       .group_before = *find_group(cloud.world, call.path[3], call.path[7])},
                      twist);
  net::Response response = empty_answer(202);
  add_operation_headers(cloud, call, started, true, response);
  return response;
}

}  // namespace

std::optional<net::Response> answer_groups(Cloud& cloud, const Call& call, const Twist& twist) {
  constexpr const char* provider = "Microsoft.Network";
  constexpr const char* groups = "networkSecurityGroups";
  if (path_is(call, {"subscriptions", "*", "providers", provider, groups})) {
    return call.method == "GET" ? list_groups(cloud, call, nullptr) : empty_answer(405);
  }
  if (path_is(call, {"subscriptions", "*", "resourceGroups", "*", "providers", provider, groups})) {
    return call.method == "GET" ? list_groups(cloud, call, &call.path[3]) : empty_answer(405);
  }
  if (!path_is(call,
               {"subscriptions", "*", "resourceGroups", "*", "providers", provider, groups, "*"})) {
    return std::nullopt;
  }
  if (call.method == "GET") return get_group(cloud, call);
  if (call.method == "PUT") return put_group(cloud, call, twist);
  if (call.method == "DELETE") return delete_group(cloud, call, twist);
  return empty_answer(405);
}

}  // namespace portcullis::lab
