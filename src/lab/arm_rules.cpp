#include <fmt/format.h>

#include <algorithm>

#include "lab/handlers.hpp"
#include "lab/names.hpp"
#include "lab/rule_form.hpp"
#include "lab/views.hpp"

namespace portcullis::lab {
namespace {

constexpr const char* group_type = "Microsoft.Network/networkSecurityGroups";
constexpr const char* rule_actions = "Microsoft.Network/networkSecurityGroups/securityRules/";

bool same_content(Json a, Json b) {
  a.erase("provisioningState");
  b.erase("provisioningState");
  return a == b;
}

/// A write that changes nothing does nothing, unless it is to mend one that failed.
bool is_idle(const Json& before, const Json& after) {
  return before.value("provisioningState", "Succeeded") != "Failed" && same_content(before, after);
}

net::Response with_etag(const Cloud& cloud, const SecurityGroup& group, net::Response response) {
  set_header(response, "ETag", etag_of(cloud.world, group));
  return response;
}

net::Response get_rules(const Cloud& cloud, const Call& call) {
  const bool defaults = same_name(call.path[8], "defaultSecurityRules");
  const std::string id = group_id(cloud.world, call.path[3], call.path[7]);
  if (auto refused = forbid(cloud, call,
                            std::string(group_type) +
                                (defaults ? "/defaultSecurityRules/read" : "/securityRules/read"),
                            id)) {
    return *refused;
  }
  const SecurityGroup* group = find_group(cloud.world, call.path[3], call.path[7]);
  if (group == nullptr) return not_found(cloud, call.path[3], group_type, call.path[7]);
  std::vector<Json> views;
  if (defaults) {
    for (const Json& view : default_rules_view(cloud.world, *group)) views.push_back(view);
  } else {
    for (const Rule& rule : group->rules) views.push_back(rule_view(cloud.world, *group, rule));
  }
  if (call.path.size() == 9) return page(cloud, call, views);
  const auto found = std::ranges::find_if(views, [&](const Json& view) {
    return same_name(view["name"].get<std::string>(), call.path[9]);
  });
  if (found == views.end()) {
    return child_not_found(fmt::format("{}/{}/{}", id, call.path[8], call.path[9]));
  }
  return with_etag(cloud, *group, json_answer(200, *found));
}

/// What stands between any write to a rule and its effect. Sets `group` to the rule's NSG.
std::optional<net::Response> refuse_write(Cloud& cloud, const Call& call, bool deletes,
                                          SecurityGroup*& group) {
  const std::string id = group_id(cloud.world, call.path[3], call.path[7]);
  const std::string rule = id + "/securityRules/" + call.path[9];
  if (auto refused =
          forbid(cloud, call, std::string(rule_actions) + (deletes ? "delete" : "write"), rule)) {
    return refused;
  }
  if (auto refused = refuse_locked(cloud, rule, deletes)) return refused;
  group = find_group(cloud.world, call.path[3], call.path[7]);
  if (group != nullptr) return std::nullopt;
  if (!deletes && cloud.resource_groups.contains(lower(call.path[3]))) {
    return parent_not_found(call.path[7]);
  }
  return not_found(cloud, call.path[3], group_type, call.path[7]);
}

net::Response put_rule(Cloud& cloud, const Call& call, const Twist& twist) {
  SecurityGroup* group = nullptr;
  if (auto refused = refuse_write(cloud, call, false, group)) return *refused;
  const std::string& name = call.path[9];
  const std::string parent = id_of(cloud.world, *group);
  if (auto refused = refuse_rule_name(name)) return *refused;
  const auto body = read_body(call);
  if (!body) return body.error();
  auto properties = read_rule_body(*body, rule_id(cloud.world, *group, name), name);
  if (!properties) return properties.error();
  if (cloud.settings.drop_host_lengths) drop_host_lengths(*properties);
  if (auto refused = refuse_stale(cloud, call, *group)) return *refused;

  SecurityGroup changed = *group;
  Rule* old = find_rule(changed, name);
  const std::optional<Rule> before = old != nullptr ? std::optional(*old) : std::nullopt;
  if (old != nullptr) {
    old->properties = *properties;
  } else {
    changed.rules.push_back({name, *properties});
  }
  if (auto refused = refuse_group(cloud.world, changed, name)) return *refused;
  const std::string operation_id = cloud.make_guid();
  if (auto refused = refuse_busy(cloud, parent, operation_id)) return *refused;

  // Making way for this one may have changed the group.
  group = find_group_by_id(cloud.world, parent);
  if (group == nullptr) return parent_not_found(call.path[7]);
  Operation operation{.id = operation_id,
                      .kind = "PutSecurityRuleOperation",
                      .group = parent,
                      .rule = name,
                      .rule_before = before};
  Rule* rule = find_rule(*group, name);
  const bool idle = before && is_idle(before->properties, *properties) && rule != nullptr;
  if (rule == nullptr) {
    group->rules.push_back({name, *properties});
  } else if (!idle) {
    rule->properties = *properties;
  }
  net::Response response;
  if (idle && twist.outcome == Operation::Outcome::succeed) {
    // Nothing changes: done at once, and still there is an operation to ask for.
    operation.starts = operation.ends = call.now;
    operation.status = Operation::Status::succeeded;
    response = json_answer(200, rule_view(cloud.world, *group, *rule));
    cloud.operations.record(operation);
    add_operation_headers(cloud, call, operation, false, response);
    return response;
  }
  const Operation& started = start_operation(cloud, call, std::move(operation), twist);
  group = find_group_by_id(cloud.world, parent);
  response =
      json_answer(before ? 200 : 201, rule_view(cloud.world, *group, *find_rule(*group, name)));
  add_operation_headers(cloud, call, started, false, response);
  return response;
}

net::Response delete_rule(Cloud& cloud, const Call& call, const Twist& twist) {
  SecurityGroup* group = nullptr;
  if (auto refused = refuse_write(cloud, call, true, group)) return *refused;
  const std::string& name = call.path[9];
  const std::string parent = id_of(cloud.world, *group);
  if (find_rule(*group, name) == nullptr) return empty_answer(204);
  if (auto refused = refuse_stale(cloud, call, *group)) return *refused;
  const std::string operation_id = cloud.make_guid();
  if (auto refused = refuse_busy(cloud, parent, operation_id)) return *refused;
  group = find_group_by_id(cloud.world, parent);
  const Rule* rule = group != nullptr ? find_rule(*group, name) : nullptr;
  if (rule == nullptr) return empty_answer(204);
  const Operation& started = start_operation(cloud, call,
                                             {.id = operation_id,
                                              .kind = "DeleteSecurityRuleOperation",
                                              .group = parent,
                                              .rule = rule->name,
                                              .deletes = true,
                                              .rule_before = *rule},
                                             twist);
  net::Response response = empty_answer(202);
  add_operation_headers(cloud, call, started, true, response);
  return response;
}

}  // namespace

std::optional<net::Response> answer_rules(Cloud& cloud, const Call& call, const Twist& twist) {
  const auto below = [&](std::string_view collection, bool one) {
    return one ? path_is(call, {"subscriptions", "*", "resourceGroups", "*", "providers",
                                "Microsoft.Network", "networkSecurityGroups", "*", collection, "*"})
               : path_is(call, {"subscriptions", "*", "resourceGroups", "*", "providers",
                                "Microsoft.Network", "networkSecurityGroups", "*", collection});
  };
  const bool one = below("securityRules", true);
  const bool readable = one || below("securityRules", false) ||
                        below("defaultSecurityRules", true) || below("defaultSecurityRules", false);
  if (!readable) return std::nullopt;
  if (call.method == "GET") return get_rules(cloud, call);
  if (one && call.method == "PUT") return put_rule(cloud, call, twist);
  if (one && call.method == "DELETE") return delete_rule(cloud, call, twist);
  return empty_answer(405);
}

}  // namespace portcullis::lab
