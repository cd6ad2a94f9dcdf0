#pragma once

#include <optional>

#include "lab/cloud.hpp"

namespace portcullis::lab {

/// What a fault asks of the operation that a write starts.
struct Twist {
  Operation::Outcome outcome = Operation::Outcome::succeed;
  bool keeps_effect = false;
  double extra_seconds = 0;  ///< negative: it never ends
};

/// Each answers one family of calls; nothing if the path is none of theirs. Authentication,
/// api-version and subscription have been checked.
std::optional<net::Response> answer_subscription(Cloud& cloud, const Call& call);
std::optional<net::Response> answer_authorization(const Cloud& cloud, const Call& call);
std::optional<net::Response> answer_compute(Cloud& cloud, const Call& call);
std::optional<net::Response> answer_network(Cloud& cloud, const Call& call);
std::optional<net::Response> answer_groups(Cloud& cloud, const Call& call, const Twist& twist);
std::optional<net::Response> answer_rules(Cloud& cloud, const Call& call, const Twist& twist);
std::optional<net::Response> answer_operations(Cloud& cloud, const Call& call);

/// The lab's own interface under /_lab: no token needed.
net::Response answer_admin(Cloud& cloud, const Call& call);

// What they share.

/// 403 if the client may not do `action` on `scope`.
std::optional<net::Response> forbid(const Cloud& cloud, const Call& call, const std::string& action,
                                    const std::string& scope);
/// 409 ScopeLocked if a lock on `scope` or above forbids the write ("write" or "delete").
std::optional<net::Response> refuse_locked(const Cloud& cloud, const std::string& scope,
                                           bool deletes);
/// 429 or 409 if an operation runs in the group, as the settings have it; else makes way for a new
/// one that will be `operation`.
std::optional<net::Response> refuse_busy(Cloud& cloud, const std::string& group,
                                         const std::string& operation);
/// 412 if the request's If-Match does not name the group's etag.
std::optional<net::Response> refuse_stale(const Cloud& cloud, const Call& call,
                                          const SecurityGroup& group);
/// 404: the resource group, then the resource.
net::Response not_found(const Cloud& cloud, const std::string& resource_group,
                        const std::string& type, const std::string& name);
/// 404 NotFound of a thing inside a resource that exists.
net::Response child_not_found(const std::string& id);
net::Response parent_not_found(const std::string& name);

/// The body of a write as JSON, or the refusal (415, 400).
tl::expected<Json, net::Response> read_body(const Call& call);

/// One page of a list, with `nextLink` if there is more.
net::Response page(const Cloud& cloud, const Call& call, const std::vector<Json>& items);

/// The addresses and Retry-After of a started operation.
void add_operation_headers(const Cloud& cloud, const Call& call, const Operation& operation,
                           bool with_location, net::Response& response);

/// Starts one that runs as long as the settings and the twist say.
Operation& start_operation(Cloud& cloud, const Call& call, Operation operation, const Twist& twist);

}  // namespace portcullis::lab
