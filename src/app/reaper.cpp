#include "app/reaper.hpp"

#include <algorithm>

#include "cloud/gather.hpp"
#include "model/resource_id.hpp"

namespace portcullis::app {
namespace {

// Operations that take minutes leave turns to others; calls at a time are bounded further down.
constexpr int turns_at_a_time = 16;

/// What is to be said of the group if it cannot be read: names and marks are all that a list tells.
model::SecurityGroup as_listed(const cloud::ListedGroup& group) {
  model::SecurityGroup listed{.id = group.id};
  for (const auto& rule : group.rules) {
    listed.rules.push_back({.name = rule.name, .description = rule.description});
  }
  return listed;
}

std::vector<std::string> each_once(std::vector<std::string> names) {
  const auto lower = [](const std::string& name) { return model::ascii_lower(name); };
  std::ranges::sort(names, {}, lower);
  const auto repeated = std::ranges::unique(names, {}, lower);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

}  // namespace

Reaper::Reaper(cloud::Provider& provider, Clock& clock, TimeSource time, Order order, Tell tell)
    : pauses_(clock),
      turns_(pauses_, turns_at_a_time),
      means_{.provider = provider,
             .clock = clock,
             .pauses = pauses_,
             .time = std::move(time),
             .order = std::move(order.rules),
             .dry_run = order.dry_run},
      resource_groups_(each_once(std::move(order.resource_groups))),
      tell_(std::move(tell)) {
  report_.subscription = std::move(order.subscription);
  report_.resource_groups = resource_groups_;
  report_.dry_run = order.dry_run;
}

void Reaper::stop(std::string why) {
  if (pauses_.stopped()) return;
  report_.problems.push_back(std::move(why));
  pauses_.stop();
}

Task<ReapReport> Reaper::run() {
  std::vector<Task<Done>> scopes;
  scopes.reserve(resource_groups_.size() + 1);
  for (const std::string& name : resource_groups_) scopes.push_back(reap_scope({name}));
  if (scopes.empty()) scopes.push_back(reap_scope({}));
  co_await cloud::gather(std::move(scopes));
  report_.credential_refused = report_.credential_refused && !report_.listed;
  if (report_.listed) note_unseen();
  if (report_.listed && report_.groups == 0) co_await explain_nothing();
  co_return std::move(report_);
}

Task<Done> Reaper::reap_scope(std::vector<std::string> resource_groups) {
  const auto groups = co_await list(std::move(resource_groups));
  if (!groups) {
    note_unlisted(groups.error());
    co_return Done{};
  }
  report_.listed = true;
  report_.groups += groups->size();
  std::vector<Task<Done>> visits;
  for (const cloud::ListedGroup& group : *groups) {
    if (const auto id = model::parse_resource_id(group.id)) {
      seen_.insert(model::ascii_lower(id->resource_group));
    }
    model::SecurityGroup listed = as_listed(group);
    const bool concerns_us = !plan::plan_reap(listed, means_.order, means_.time()).empty();
    if (concerns_us) visits.push_back(reap(std::move(listed)));
  }
  co_await cloud::gather(std::move(visits));
  co_return Done{};
}

Task<Result<std::vector<cloud::ListedGroup>>> Reaper::list(
    std::vector<std::string> resource_groups) {
  for (int tries = 1;; ++tries) {
    auto groups = co_await means_.provider.list_groups(resource_groups);
    if (groups || !may_pass(groups.error())) co_return groups;
    if (!co_await pauses_.sleep(pause_after(groups.error(), tries))) co_return groups;
  }
}

Task<Done> Reaper::reap(model::SecurityGroup listed) {
  ReapVisit visit(means_, std::move(listed));
  while (co_await pass_turn(&visit)) {
  }
  co_await visit.prove();
  for (std::string& problem : visit.problems()) report_.problems.push_back(std::move(problem));
  for (ReapLine& line : visit.lines()) add(std::move(line));
  co_return Done{};
}

/// One turn, and the wait for the next; false: there is none.
Task<bool> Reaper::pass_turn(ReapVisit* visit) {
  if (!co_await turns_.take()) co_return false;
  const auto next = co_await visit->turn();
  turns_.give_back();
  if (!next) co_return false;
  const auto slept = co_await pauses_.sleep(*next - means_.clock.boot_now());
  co_return slept.has_value();
}

/// No group at all: the subscription itself tells whether the credential may see anything.
Task<Done> Reaper::explain_nothing() {
  const auto checked = co_await means_.provider.check();
  if (!checked) note_unlisted(checked.error());
  co_return Done{};
}

void Reaper::note_unlisted(const Error& error) {
  if (error.kind == Error::Kind::unauthorized || error.kind == Error::Kind::forbidden) {
    report_.credential_refused = true;
  }
  report_.problems.push_back(error.message);
}

/// An empty list is what a wrong name and missing rights look like.
void Reaper::note_unseen() {
  if (report_.groups == 0) {
    report_.problems.push_back(
        "no security group is visible: is the place the right one, and may the credential read "
        "Microsoft.Network/networkSecurityGroups there?");
    return;
  }
  for (const std::string& name : resource_groups_) {
    if (seen_.contains(model::ascii_lower(name))) continue;
    report_.problems.push_back("in resource group " + name +
                               " no security group is visible: is the name right, and may the "
                               "credential read there?");
  }
}

void Reaper::add(ReapLine line) {
  if (is_told(line)) tell_(line);
  report_.lines.push_back(std::move(line));
}

}  // namespace portcullis::app
