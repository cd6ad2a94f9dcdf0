#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "lab/handlers.hpp"
#include "lab/names.hpp"
#include "net/url.hpp"

namespace portcullis::lab {

std::optional<net::Response> forbid(const Cloud& cloud, const Call& call, const std::string& action,
                                    const std::string& scope) {
  if (cloud.may(call.client, action, scope)) return std::nullopt;
  return arm_error(403, "AuthorizationFailed",
                   fmt::format("The client '{}' with object id '{}' does not have authorization to "
                               "perform action '{}' over scope '{}' or the scope is invalid. If "
                               "access was recently granted, please refresh your credentials.",
                               call.client, guid_of("object-" + call.client), action, scope));
}

std::optional<net::Response> refuse_locked(const Cloud& cloud, const std::string& scope,
                                           bool deletes) {
  for (const Lock& lock : cloud.locks) {
    if (!same_name(lock.level, "ReadOnly") && !deletes) continue;
    const std::string below = lower(scope) + "/";
    if (!below.starts_with(lower(lock.scope) + "/")) continue;
    return arm_error(409, "ScopeLocked",
                     fmt::format("The scope '{}' cannot perform {} operation because following "
                                 "scope(s) are locked: '{}'. Please remove the lock and try again.",
                                 scope, deletes ? "delete" : "write", lock.scope));
  }
  return std::nullopt;
}

std::optional<net::Response> refuse_busy(Cloud& cloud, const std::string& group,
                                         const std::string& operation) {
  const Operation* running = cloud.operations.running_in(group);
  if (running == nullptr) return std::nullopt;
  switch (cloud.settings.when_busy) {
    case Settings::Busy::refuse: {
      net::Response response = arm_error(
          429, "RetryableError", "A retryable error occured.",
          Json::array({{{"code", "RetryableErrorDueToAnotherOperation"},
                        {"message", fmt::format("Operation {} ({}) is updating resource {}. The "
                                                "call can be retried in a few seconds.",
                                                running->kind, running->id, group)}}}));
      set_header(response, "Retry-After",
                 fmt::to_string(
                     std::chrono::ceil<std::chrono::seconds>(cloud.settings.retry_after).count()));
      return response;
    }
    case Settings::Busy::conflict: {
      net::Response response =
          arm_error(409, "AnotherOperationInProgress",
                    fmt::format("Another operation on this or dependent resource is in progress. "
                                "To retrieve status of the operation use uri: {}.",
                                running->id),
                    Json::array());
      set_header(response, "x-ms-error-code", "AnotherOperationInProgress");
      return response;
    }
    case Settings::Busy::supersede:
    case Settings::Busy::lose:
      cloud.operations.supersede(cloud.world, cloud.packets, group, operation,
                                 cloud.settings.when_busy == Settings::Busy::supersede);
      ++cloud.packet_changes;
      return std::nullopt;
    case Settings::Busy::accept:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<net::Response> refuse_stale(const Cloud& cloud, const Call& call,
                                          const SecurityGroup& group) {
  const auto wanted = net::find_header(call.request->headers, "If-Match");
  if (!wanted || *wanted == "*" || !cloud.settings.honour_etags) return std::nullopt;
  const std::string etag = etag_of(cloud.world, group);
  if (*wanted == etag) return std::nullopt;
  const bool is_quoted = wanted->starts_with("W/") || wanted->starts_with('"');
  return arm_error(
      412, "PreconditionFailed", "Precondition failed.",
      Json::array(
          {{{"code", "PreconditionFailedEtagMismatch"},
            {"message",
             fmt::format("Etag provided in if-match header {} does not match etag {} of "
                         "resource {} in NRP data store.",
                         is_quoted ? std::string(*wanted) : fmt::format("W/\"{}\"", *wanted), etag,
                         id_of(cloud.world, group))}}}));
}

net::Response not_found(const Cloud& cloud, const std::string& resource_group,
                        const std::string& type, const std::string& name) {
  net::Response response;
  if (!cloud.resource_groups.contains(lower(resource_group))) {
    response = arm_error(404, "ResourceGroupNotFound",
                         fmt::format("Resource group '{}' could not be found.", resource_group));
  } else {
    response = arm_error(404, "ResourceNotFound",
                         fmt::format("The Resource '{}/{}' under resource group '{}' was not "
                                     "found. For more details please go to "
                                     "https://aka.ms/ARMResourceNotFoundFix",
                                     type, name, resource_group));
  }
  set_header(response, "x-ms-failure-cause", "gateway");
  return response;
}

net::Response child_not_found(const std::string& id) {
  return arm_error(404, "NotFound", fmt::format("Resource {} not found.", id), Json::array());
}

net::Response parent_not_found(const std::string& name) {
  net::Response response =
      arm_error(404, "ParentResourceNotFound",
                fmt::format("Can not perform requested operation on nested resource. Parent "
                            "resource '{}' not found.",
                            name));
  set_header(response, "x-ms-failure-cause", "gateway");
  return response;
}

tl::expected<Json, net::Response> read_body(const Call& call) {
  const auto type = net::find_header(call.request->headers, "Content-Type");
  if (!type || !lower(*type).starts_with("application/json")) {
    return tl::unexpected<net::Response>(
        arm_error(415, "UnsupportedMediaType",
                  fmt::format("The content media type '{}' is not supported. Only "
                              "'application/json' is supported.",
                              type ? *type : "<null>")));
  }
  Json body = Json::parse(call.request->body, nullptr, false);
  if (!body.is_discarded()) return body;
  return tl::unexpected<net::Response>(
      arm_error(400, "InvalidRequestContent",
                "The request content was invalid and could not be deserialized."));
}

net::Response page(const Cloud& cloud, const Call& call, const std::vector<Json>& items) {
  std::size_t from = 0;
  if (const std::string token = call.query_or("$skiptoken", ""); !token.empty()) {
    const std::string decoded = base64url_decode(token).value_or("");
    const auto [end, error] =
        std::from_chars(decoded.data(), decoded.data() + decoded.size(), from);
    if (decoded.empty() || error != std::errc() || end != decoded.data() + decoded.size()) {
      return arm_error(400, "InvalidSkipToken", "The skip token is invalid.");
    }
  }
  Json value = Json::array();
  const std::size_t until = std::min(items.size(), from + cloud.settings.page_size);
  for (std::size_t at = from; at < until; ++at) value.push_back(items[at]);
  Json body = {{"value", std::move(value)}};
  if (until < items.size()) {
    const std::string& target = call.request->target;
    std::string next = cloud.settings.base_url + target.substr(0, target.find('?'));
    char separator = '?';
    for (const auto& [name, content] : call.query) {
      if (name == "$skiptoken") continue;
      next += separator + (name.starts_with('$') ? name : net::encode_component(name)) + "=" +
              net::encode_component(content);
      separator = '&';
    }
    body["nextLink"] = next + separator + "$skiptoken=" + base64url(fmt::to_string(until));
  }
  return json_answer(200, body);
}

}  // namespace portcullis::lab
