#include <fmt/format.h>

#include <algorithm>

#include "lab/handlers.hpp"
#include "lab/names.hpp"
#include "lab/views.hpp"

namespace portcullis::lab {
namespace {

using Status = Operation::Status;

/// The signed part of an operation's address; a client that changes it is refused.
std::string signature(const Operation& operation) {
  const std::string seal = guid_of("seal-" + operation.id);
  return fmt::format("&t={}&c={}&s={}&h={}", operation.starts.time_since_epoch().count(),
                     // Certificate chains make these addresses long in the real one, too.
                     base64url(std::string(240, 'c') + operation.id), base64url(operation.kind),
                     base64url(seal));
}

std::string address(const Cloud& cloud, const Call& call, const Operation& operation,
                    std::string_view collection) {
  return fmt::format(
      "{}/subscriptions/{}/providers/Microsoft.Network/locations/{}/{}/{}"
      "?api-version={}{}",
      cloud.settings.base_url, cloud.world.subscription, cloud.world.location, collection,
      operation.id, call.query_or("api-version", ""), signature(operation));
}

std::string retry_after(const Cloud& cloud) {
  return fmt::to_string(
      std::chrono::ceil<std::chrono::seconds>(cloud.settings.retry_after).count());
}

Json status_of(const Operation& operation) {
  switch (operation.status) {
    case Status::running:
      return {{"status", "InProgress"}};
    case Status::succeeded:
      return {{"status", "Succeeded"}};
    case Status::failed:
      return {{"status", "Failed"},
              {"error",
               {{"code", "InternalServerError"},
                {"message", "An error occurred."},
                {"details", Json::array()}}}};
    case Status::canceled: {
      const std::string other = operation.superseded_by.empty() ? guid_of("other-" + operation.id)
                                                                : operation.superseded_by;
      const std::string text = fmt::format(
          "Operation {} ({}) was canceled and superseded by operation "
          "PutSecurityRuleOperation ({}).",
          operation.kind, operation.id, other);
      return {{"status", "Canceled"},
              {"error",
               {{"code", "Canceled"},
                {"message", "Operation was canceled."},
                {"details", Json::array({{{"code", "CanceledAndSupersededDueToAnotherOperation"},
                                          {"message", text}}})}}}};
    }
  }
  return {};
}

/// Location polling: 202 while it runs, then what the call would have answered at once.
net::Response result_of(const Cloud& cloud, const Call& call, const Operation& operation) {
  if (operation.status == Status::running) {
    net::Response response = empty_answer(202);
    set_header(response, "Location", address(cloud, call, operation, "operationResults"));
    set_header(response, "Retry-After", retry_after(cloud));
    return response;
  }
  if (operation.status != Status::succeeded) return json_answer(200, status_of(operation));
  if (operation.deletes) return empty_answer(204);
  World world = cloud.world;
  const SecurityGroup* group = find_group_by_id(world, operation.group);
  if (group == nullptr) return empty_answer(204);
  const Rule* rule = find_rule(*group, operation.rule);
  if (!operation.rule.empty() && rule == nullptr) return empty_answer(204);
  return json_answer(200,
                     rule != nullptr ? rule_view(world, *group, *rule) : group_view(world, *group));
}

}  // namespace

Operation& start_operation(Cloud& cloud, const Call& call, Operation operation,
                           const Twist& twist) {
  operation.starts = call.now;
  operation.ends = call.now + cloud.settings.operation_time;
  if (twist.extra_seconds < 0) {
    operation.ends = TimePoint::max();
  } else {
    operation.ends +=
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(twist.extra_seconds));
  }
  operation.outcome = twist.outcome;
  operation.keeps_effect = twist.keeps_effect;
  return cloud.operations.start(cloud.world, std::move(operation));
}

void add_operation_headers(const Cloud& cloud, const Call& call, const Operation& operation,
                           bool with_location, net::Response& response) {
  set_header(response, "Azure-AsyncOperation", address(cloud, call, operation, "operations"));
  if (with_location) {
    set_header(response, "Location", address(cloud, call, operation, "operationResults"));
  }
  set_header(response, "Retry-After", retry_after(cloud));
  set_header(response, "Azure-AsyncNotification", "Enabled");
}

std::optional<net::Response> answer_operations(Cloud& cloud, const Call& call) {
  const bool status = path_is(call, {"subscriptions", "*", "providers", "Microsoft.Network",
                                     "locations", "*", "operations", "*"});
  const bool result = path_is(call, {"subscriptions", "*", "providers", "Microsoft.Network",
                                     "locations", "*", "operationResults", "*"});
  if (!status && !result) return std::nullopt;
  if (call.method != "GET") return empty_answer(405);
  const Operation* operation = cloud.operations.find(call.path[7]);
  if (operation == nullptr) {
    return arm_error(404, "OperationNotFound", fmt::format("Operation {} not found.", call.path[7]),
                     Json::array());
  }
  if (!call.request->target.ends_with(signature(*operation))) {
    return arm_error(400, "InvalidOperationSignature",
                     "The signature of the operation address is missing or was changed.");
  }
  if (result) return result_of(cloud, call, *operation);
  net::Response response = json_answer(200, status_of(*operation));
  if (operation->status == Status::running) set_header(response, "Retry-After", retry_after(cloud));
  return response;
}

}  // namespace portcullis::lab
