#include "app/reaper.hpp"

#include <algorithm>

#include "cloud/gather.hpp"
#include "controllers/rule_closing.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_shape.hpp"

namespace portcullis::app {
namespace {

using plan::ReapItem;
using plan::ReapStep;

constexpr std::size_t at_a_time = 4;

/// Whether the same call may be answered otherwise later.
bool may_pass(const Error& error) {
  switch (error.kind) {
    case Error::Kind::busy:
    case Error::Kind::throttled:
    case Error::Kind::unavailable:
    case Error::Kind::timeout:
    case Error::Kind::conflict:
    case Error::Kind::malformed:
      return true;
    default:
      return false;
  }
}

/// Whether the failure is about the rule, and not about all that could be asked now.
bool is_of_the_rule(const Error& error) {
  return error.kind == Error::Kind::conflict || error.kind == Error::Kind::invalid ||
         error.kind == Error::Kind::locked || error.kind == Error::Kind::forbidden;
}

Duration pause_after(const std::optional<Error>& error, int tries) {
  const Duration own = std::chrono::seconds(1) * (1 << std::clamp(tries - 1, 0, 5));
  return std::max<Duration>(std::min<Duration>(own, std::chrono::seconds(20)),
                            error ? error->retry_after.value_or(Duration(0)) : Duration(0));
}

std::string key_of(const model::SecurityRule& rule) { return model::ascii_lower(rule.name); }

const model::SecurityRule* find_rule(const model::SecurityGroup& group, const std::string& key) {
  const auto found = std::ranges::find(group.rules, key, key_of);
  return found == group.rules.end() ? nullptr : &*found;
}

/// What is to be said of the group if it cannot be read: names and marks are all that a list tells.
model::SecurityGroup as_listed(const cloud::ListedGroup& group) {
  model::SecurityGroup listed{.id = group.id};
  for (const auto& rule : group.rules) {
    listed.rules.push_back({.name = rule.name, .description = rule.description});
  }
  return listed;
}

}  // namespace

/// One group while it is worked on.
struct Reaper::Visit {
  model::SecurityGroup group{};               ///< as it was last read, at first as it was listed
  std::map<std::string, Attempt> attempts{};  ///< by rule, in lower case
  bool is_proven = false;                     ///< it was read, and nothing was tried since
  std::optional<Error> unread{};              ///< why it could not be read the last time
  BootTime not_before{};                      ///< of any write in it
  int failures = 0;                           ///< in a row, of reads or of the group as a whole
};

Reaper::Reaper(cloud::Provider& provider, Clock& clock, TimeSource time, Order order, Tell tell)
    : provider_(provider),
      clock_(clock),
      time_(std::move(time)),
      order_(std::move(order)),
      tell_(std::move(tell)),
      pauses_(clock) {
  const auto lower = [](const std::string& name) { return model::ascii_lower(name); };
  std::ranges::sort(order_.resource_groups, {}, lower);
  const auto repeated = std::ranges::unique(order_.resource_groups, {}, lower);
  order_.resource_groups.erase(repeated.begin(), repeated.end());
  report_.subscription = order_.subscription;
  report_.resource_groups = order_.resource_groups;
  report_.dry_run = order_.dry_run;
}

void Reaper::stop(std::string why) {
  if (pauses_.stopped()) return;
  report_.problems.push_back(std::move(why));
  pauses_.stop();
}

Task<ReapReport> Reaper::run() {
  const auto checked = co_await check();
  if (checked) {
    co_await list_all();
  } else {
    note_unlisted(checked.error());
  }
  if (report_.listed) note_unseen();
  std::vector<Task<Done>> workers;
  workers.reserve(at_a_time);
  for (std::size_t i = 0; i < at_a_time; ++i) workers.push_back(work());
  co_await cloud::gather(std::move(workers));
  co_return std::move(report_);
}

/// One resource group that cannot be listed is no reason to leave the others.
Task<Done> Reaper::list_all() {
  std::vector<std::vector<std::string>> scopes;
  for (const std::string& name : order_.resource_groups) scopes.push_back({name});
  if (scopes.empty()) scopes.emplace_back();
  for (std::vector<std::string>& scope : scopes) {
    auto groups = co_await list(std::move(scope));
    if (!groups) {
      note_unlisted(groups.error());
      continue;
    }
    report_.listed = true;
    report_.groups += groups->size();
    for (const cloud::ListedGroup& group : *groups) {
      const auto id = model::parse_resource_id(group.id);
      if (id) seen_.insert(model::ascii_lower(id->resource_group));
      model::SecurityGroup listed = as_listed(group);
      const bool concerns_us = !plan::plan_reap(listed, order_.rules, time_()).empty();
      if (concerns_us) queue_.push_back(std::move(listed));
    }
  }
  report_.credential_refused = report_.credential_refused && !report_.listed;
  co_return Done{};
}

void Reaper::note_unlisted(const Error& error) {
  if (error.kind == Error::Kind::unauthorized || error.kind == Error::Kind::forbidden) {
    report_.credential_refused = true;
  }
  report_.problems.push_back(error.message);
}

Task<Result<Done>> Reaper::check() {
  for (int tries = 1;; ++tries) {
    auto checked = co_await provider_.check();
    if (checked || !may_pass(checked.error())) co_return checked;
    if (!co_await rest(checked.error(), tries)) co_return checked;
  }
}

Task<Result<std::vector<cloud::ListedGroup>>> Reaper::list(std::vector<std::string> scope) {
  for (int tries = 1;; ++tries) {
    auto groups = co_await provider_.list_groups(scope);
    if (groups || !may_pass(groups.error())) co_return groups;
    if (!co_await rest(groups.error(), tries)) co_return groups;
  }
}

/// False: we are stopping.
Task<bool> Reaper::rest(Error error, int tries) {
  const auto slept = co_await pauses_.sleep(pause_after(error, tries));
  co_return slept.has_value();
}

/// An empty list is what a wrong name and missing rights look like.
void Reaper::note_unseen() {
  if (report_.groups == 0) {
    report_.problems.push_back(
        "no security group is visible: is the place the right one, and may the credential read "
        "Microsoft.Network/networkSecurityGroups there?");
    return;
  }
  for (const std::string& name : order_.resource_groups) {
    if (seen_.contains(model::ascii_lower(name))) continue;
    report_.problems.push_back("in resource group " + name +
                               " no security group is visible: is the name right, and may the "
                               "credential read there?");
  }
}

Task<Done> Reaper::work() {
  while (!queue_.empty()) {
    model::SecurityGroup next = std::move(queue_.front());
    queue_.pop_front();
    co_await reap(std::move(next));
  }
  co_return Done{};
}

Task<Done> Reaper::reap(model::SecurityGroup listed) {
  Visit visit{.group = std::move(listed)};
  while (!order_.dry_run && !pauses_.stopped()) {
    if (!co_await read(&visit)) break;
    if (visit.unread) continue;
    auto items = plan::plan_reap(visit.group, order_.rules, time_());
    const auto next = next_try(visit, items);
    if (!next) break;
    if (*next > clock_.boot_now()) {
      if (!co_await pauses_.sleep(*next - clock_.boot_now())) break;
      continue;
    }
    co_await close(&visit, std::move(items));
  }
  if (!visit.is_proven) co_await read(&visit);  // we were stopped: what came of the last tries?
  report(visit);
  co_return Done{};
}

/// False: there is no use in going on.
Task<bool> Reaper::read(Visit* visit) {
  auto group = co_await provider_.read_group(visit->group.id);
  if (group) {
    visit->group = std::move(*group);
    visit->is_proven = true;
    visit->unread.reset();
    co_return true;
  }
  visit->unread = group.error();
  if (!may_pass(group.error())) co_return false;
  co_return co_await rest(group.error(), ++visit->failures);
}

/// When something of this group can be tried; nothing if there is nothing to try.
std::optional<BootTime> Reaper::next_try(const Visit& visit,
                                         const std::vector<ReapItem>& items) const {
  std::optional<BootTime> next;
  for (const ReapItem& item : items) {
    if (item.step != ReapStep::remove) continue;
    const auto before = visit.attempts.find(key_of(item.rule));
    if (before != visit.attempts.end() && (before->second.is_final || plan::is_inert(item.rule))) {
      continue;
    }
    const BootTime when = before == visit.attempts.end()
                              ? visit.not_before
                              : std::max(visit.not_before, before->second.not_before);
    next = std::min(next.value_or(when), when);
  }
  return next;
}

Task<Done> Reaper::close(Visit* visit, std::vector<ReapItem> items) {
  for (ReapItem& item : items) {
    if (pauses_.stopped()) break;
    if (item.step != ReapStep::remove) continue;
    Attempt& attempt = visit->attempts[key_of(item.rule)];
    if (attempt.is_final || attempt.not_before > clock_.boot_now()) continue;
    visit->is_proven = false;
    ++attempt.tries;
    attempt.item = item;
    const auto closed = co_await controllers::close_rule(&provider_, visit->group.id, item.rule);
    attempt.refused = closed ? std::nullopt : std::optional(closed.error());
    attempt.is_final = !closed && !may_pass(closed.error());
    attempt.not_before = clock_.boot_now() + pause_after(attempt.refused, attempt.tries);
    if (closed || is_of_the_rule(closed.error())) {
      visit->failures = 0;
      continue;
    }
    visit->not_before = clock_.boot_now() + pause_after(closed.error(), ++visit->failures);
    break;
  }
  co_return Done{};
}

void Reaper::report(const Visit& visit) {
  if (visit.unread) {
    report_.problems.push_back("security group " + visit.group.id +
                               " cannot be read: " + visit.unread->message);
  }
  report_attempts(visit);
  for (const ReapItem& item : plan::plan_reap(visit.group, order_.rules, time_())) {
    if (visit.attempts.contains(key_of(item.rule))) continue;
    ReapLine line{.group = visit.group.id, .item = item, .detail = item.why};
    switch (item.step) {
      case ReapStep::remove:
      case ReapStep::later:
        line.outcome = order_.dry_run ? ReapOutcome::would_remove : ReapOutcome::left;
        if (!order_.dry_run && item.step == ReapStep::remove) line.detail += ", not tried";
        break;
      case ReapStep::keep:
        line.outcome = ReapOutcome::kept;
        break;
      case ReapStep::doubtful:
        line.outcome = ReapOutcome::doubtful;
        break;
      case ReapStep::unreadable:
        line.outcome = ReapOutcome::unreadable;
        break;
    }
    add(std::move(line));
  }
}

void Reaper::report_attempts(const Visit& visit) {
  for (const auto& [key, attempt] : visit.attempts) {
    const model::SecurityRule* stands = find_rule(visit.group, key);
    ReapLine line{.group = visit.group.id, .item = attempt.item, .detail = attempt.item.why};
    const std::string refused =
        attempt.refused ? attempt.refused->message : "the cloud says that it is done";
    if (!visit.is_proven) {
      line.detail += ", tried, but the group was not read since: " + refused;
    } else if (stands == nullptr) {
      line.outcome = ReapOutcome::removed;
    } else if (plan::is_inert(*stands)) {
      line.outcome = ReapOutcome::inert;
      line.detail += ", lets nobody in, but cannot be deleted: " + refused;
    } else {
      line.detail += ": " + refused;
    }
    add(std::move(line));
  }
}

void Reaper::add(ReapLine line) {
  if (is_told(line)) tell_(line);
  report_.lines.push_back(std::move(line));
}

}  // namespace portcullis::app
