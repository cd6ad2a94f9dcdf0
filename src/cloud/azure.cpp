#include "cloud/azure.hpp"

#include <algorithm>

#include "cloud/excerpt.hpp"
#include "cloud/gather.hpp"
#include "cloud/json.hpp"
#include "cloud/nsg_json.hpp"

namespace portcullis::cloud {
namespace {

constexpr std::string_view group_type = "Microsoft.Network/networkSecurityGroups";

bool same(std::string_view a, std::string_view b) {
  return model::ascii_lower(a) == model::ascii_lower(b);
}

/// Who closes waits as long as its call may take; others let go in time for a try that succeeds.
Turn turn_of(Work work, Duration patience, std::string about) {
  if (is_closing(work)) return {.work = work, .about = std::move(about)};
  return {.work = work, .patience = patience, .about = std::move(about)};
}

}  // namespace

Azure::Azure(Parts parts, AzureOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      tokens_(*parts_.credential, *parts_.pauses, parts_.clock),
      arm_(*parts_.arm_transport, tokens_, *parts_.pauses, parts_.clock,
           options_.budgets == nullptr ? own_budgets_ : *options_.budgets, parts_.origin),
      may_read_public_addresses_(options_.public_addresses) {}

void Azure::close() {
  parts_.pauses->stop();
  parts_.arm_transport->close();
  parts_.identity_transport->close();
}

/// An id that a caller or ARM gave, checked: of the type "Provider/type", in our subscription.
Result<model::ResourceId> Azure::resource(std::string_view id, std::string_view type,
                                          std::string_view child_type) const {
  if (model::resource_key(id).find("/virtualmachinescalesets/") != std::string::npos) {
    return fail(Error::Kind::unsupported,
                "it belongs to a scale set with uniform orchestration, whose instances are no "
                "machines of their own: nothing can be locked or opened for one of them alone "
                "(use flexible orchestration); " +
                    excerpt(id, 300));
  }
  const auto parsed = model::parse_resource_id(id);
  if (!parsed || !same(parsed->provider + "/" + parsed->type, type) ||
      !same(parsed->child_type, child_type)) {
    return fail(Error::Kind::invalid, "no id of " + std::string(type) + ": " + excerpt(id, 300));
  }
  if (!same(parsed->subscription, options_.subscription_id)) {
    return fail(Error::Kind::invalid,
                "the resource lies in another subscription: " + excerpt(id, 300));
  }
  return *parsed;
}

/// Its path, each segment encoded, and the API version of its provider.
std::string Azure::target(const model::ResourceId& id, std::string_view child) const {
  const auto segment = [](std::string_view text) { return "/" + net::encode_component(text); };
  std::string path = "/subscriptions" + segment(id.subscription) + "/resourceGroups" +
                     segment(id.resource_group) + "/providers" + segment(id.provider) +
                     segment(id.type);
  if (!id.name.empty()) path += segment(id.name);
  if (!id.child_type.empty()) path += segment(id.child_type) + segment(id.child_name);
  if (!child.empty()) path += "/securityRules" + segment(child);
  return path + version_of(id.provider);
}

std::string Azure::version_of(std::string_view provider) const {
  const bool compute = same(provider, "Microsoft.Compute");
  return "?api-version=" +
         net::encode_component(compute ? options_.versions.compute : options_.versions.network);
}

Task<Result<Done>> Azure::check() {
  const auto document = co_await arm_.read(
      "/subscriptions/" + net::encode_component(options_.subscription_id) +
          "?api-version=" + net::encode_component(options_.versions.subscriptions),
      options_.limits.check_deadline, {.work = Work::lock});
  if (!document) co_return fail(document.error());
  const auto id = json::text(document->root(), "subscriptionId");
  if (!id || !same(*id, options_.subscription_id)) {
    co_return fail(Error::Kind::malformed, "the cloud answered with another subscription");
  }
  const std::string state(json::text(document->root(), "state").value_or(""));
  if (same(state, "Disabled") || same(state, "Deleted")) {
    co_return fail(Error::Kind::locked, "the subscription is " + state);
  }
  co_return Done{};
}

void Azure::hurry(const std::string& group) { arm_.hurry(model::resource_key(group)); }

Task<Result<model::SecurityGroup>> Azure::read_group(std::string id, Work work) {
  const auto located = resource(id, group_type);
  if (!located) co_return fail(located.error());
  const auto document = co_await arm_.read(
      target(*located), options_.limits.read_deadline,
      turn_of(work, options_.limits.queue_patience_reads, model::resource_key(id)));
  if (!document) co_return fail(document.error());
  auto group = cloud::read_group(document->root());
  if (group && !same(group->id, id)) {
    co_return fail(Error::Kind::malformed, "the cloud answered with another security group");
  }
  co_return group;
}

Task<Result<Done>> Azure::put_rule(std::string group, model::SecurityRule rule, Work work) {
  const auto located = resource(group, group_type);
  if (!located) co_return fail(located.error());
  auto body = rule_body(rule);
  if (!body) co_return fail(body.error());
  net::Request request;
  request.method = "PUT";
  request.target = target(*located, rule.name);
  request.body = std::move(*body);
  co_return co_await write(std::move(request), work, std::move(group));
}

Task<Result<Done>> Azure::remove_rule(std::string group, std::string name, Work work) {
  const auto located = resource(group, group_type);
  if (!located) co_return fail(located.error());
  if (!is_rule_name(name)) co_return fail(Error::Kind::invalid, "a rule cannot have this name");
  net::Request request;
  request.method = "DELETE";
  request.target = target(*located, name);
  auto removed = co_await write(std::move(request), work, group);
  if (!removed && removed.error().kind == Error::Kind::not_found) {
    co_return co_await judge_missing(std::move(group), std::move(name), work, removed.error());
  }
  co_return removed;
}

/// A 404 to a DELETE may mean the rule (gone, well) or the group; its codes do not tell them apart
/// for sure, a reading of the group does.
Task<Result<Done>> Azure::judge_missing(std::string group, std::string name, Work work,
                                        Error missing) {
  const auto read = co_await read_group(std::move(group), work);
  if (!read) co_return fail(read.error());
  const bool is_there = std::ranges::any_of(
      read->rules, [&](const model::SecurityRule& rule) { return same(rule.name, name); });
  if (!is_there) co_return Done{};
  missing.kind = Error::Kind::unavailable;
  missing.message += " (and yet the group has that rule)";
  co_return fail(missing);
}

Task<Result<Done>> Azure::write(net::Request request, Work work, std::string group) {
  std::string about = model::resource_key(group);
  auto answer = co_await arm_.call(request, options_.limits.write_deadline,
                                   turn_of(work, options_.limits.queue_patience_writes, about));
  if (!answer) co_return fail(answer.error());
  WaitOptions wait;
  wait.operation_deadline = options_.limits.operation_deadline;
  wait.read_deadline = options_.limits.read_deadline;
  wait.longest_told_pause = options_.limits.longest_poll_pause;
  wait.work = work;
  wait.about = std::move(about);
  co_return co_await wait_for_operation(arm_, *parts_.pauses, parts_.clock, std::move(request),
                                        std::move(*answer), wait);
}

}  // namespace portcullis::cloud
