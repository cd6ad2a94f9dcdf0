#include "app/reap_visit.hpp"

#include <algorithm>

#include "controllers/rule_closing.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_shape.hpp"

namespace portcullis::app {
namespace {

using plan::ReapItem;
using plan::ReapStep;

/// Whether the failure is about the rule, and not about all that could be asked now.
bool is_of_the_rule(const Error& error) {
  return error.kind == Error::Kind::conflict || error.kind == Error::Kind::invalid ||
         error.kind == Error::Kind::locked || error.kind == Error::Kind::forbidden;
}

std::string key_of(const model::SecurityRule& rule) { return model::ascii_lower(rule.name); }

const model::SecurityRule* find_rule(const model::SecurityGroup& group, const std::string& key) {
  const auto found = std::ranges::find(group.rules, key, key_of);
  return found == group.rules.end() ? nullptr : &*found;
}

}  // namespace

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

Duration pause_after(const std::optional<Error>& error, int tries) {
  const Duration own = std::chrono::seconds(1) * (1 << std::clamp(tries - 1, 0, 5));
  return std::max<Duration>(std::min<Duration>(own, std::chrono::seconds(20)),
                            error ? error->retry_after.value_or(Duration(0)) : Duration(0));
}

ReapVisit::ReapVisit(const Means& means, model::SecurityGroup listed)
    : means_(means), group_(std::move(listed)) {}

Task<std::optional<BootTime>> ReapVisit::turn() {
  std::optional<BootTime> next;
  while (!means_.pauses.stopped()) {
    if (!co_await read()) {
      if (!may_pass(*unread_)) co_return std::nullopt;
      co_return means_.clock.boot_now() + pause_after(unread_, ++failures_);
    }
    if (means_.dry_run) co_return std::nullopt;
    auto items = plan::plan_reap(group_, means_.order, means_.time());
    next = next_try(items);
    if (!next || *next > means_.clock.boot_now()) break;
    co_await close(std::move(items));
  }
  co_return next;
}

Task<Done> ReapVisit::prove() {
  if (!is_proven_ && !attempts_.empty()) co_await read();
  co_return Done{};
}

Task<bool> ReapVisit::read() {
  auto group = co_await means_.provider.read_group(group_.id, cloud::Work::closing);
  if (!group) {
    unread_ = group.error();
    co_return false;
  }
  group_ = std::move(*group);
  was_read_ = is_proven_ = true;
  unread_.reset();
  co_return true;
}

/// When something can be tried; nothing if there is nothing to try.
std::optional<BootTime> ReapVisit::next_try(const std::vector<ReapItem>& items) const {
  std::optional<BootTime> next;
  for (const ReapItem& item : items) {
    if (item.step != ReapStep::remove) continue;
    const auto before = attempts_.find(key_of(item.rule));
    const bool is_inert = plan::is_inert(item.rule) && item.rule.settled();
    if (before != attempts_.end() && (before->second.is_final || is_inert)) {
      continue;
    }
    const BootTime when =
        before == attempts_.end() ? not_before_ : std::max(not_before_, before->second.not_before);
    next = std::min(next.value_or(when), when);
  }
  return next;
}

Task<Done> ReapVisit::close(std::vector<ReapItem> items) {
  for (ReapItem& item : items) {
    if (means_.pauses.stopped()) break;
    if (item.step != ReapStep::remove) continue;
    const auto before = attempts_.find(key_of(item.rule));
    const bool waits =
        before != attempts_.end() &&
        (before->second.is_final || before->second.not_before > means_.clock.boot_now());
    if (!waits && !co_await close_one(std::move(item))) break;
  }
  co_return Done{};
}

/// False: the next one in this group would fare no better now.
Task<bool> ReapVisit::close_one(ReapItem item) {
  Attempt& attempt = attempts_[key_of(item.rule)];
  attempt.item = std::move(item);
  ++attempt.tries;
  is_proven_ = false;
  const auto closed = co_await controllers::close_rule(&means_.provider, group_.id,
                                                       attempt.item.rule, [] { return true; });
  const BootTime now = means_.clock.boot_now();
  attempt.refused = closed ? closed->left_inert : std::optional(closed.error());
  attempt.is_final = !closed && !may_pass(closed.error());
  attempt.not_before = now + pause_after(attempt.refused, attempt.tries);
  if (closed || is_of_the_rule(closed.error())) {
    failures_ = 0;
    co_return true;
  }
  not_before_ = now + pause_after(closed.error(), ++failures_);
  co_return false;
}

std::vector<std::string> ReapVisit::problems() const {
  if (unread_) return {"security group " + group_.id + " cannot be read: " + unread_->message};
  if (!was_read_) return {"security group " + group_.id + " was not read"};
  return {};
}

std::vector<ReapLine> ReapVisit::lines() const {
  std::vector<ReapLine> lines;
  lines.reserve(attempts_.size());
  for (const auto& [key, attempt] : attempts_) lines.push_back(line_of(key, attempt));
  for (const ReapItem& item : plan::plan_reap(group_, means_.order, means_.time())) {
    if (!attempts_.contains(key_of(item.rule))) lines.push_back(line_of(item));
  }
  return lines;
}

ReapLine ReapVisit::line_of(const std::string& key, const Attempt& attempt) const {
  const model::SecurityRule* stands = find_rule(group_, key);
  ReapLine line{.group = group_.id, .item = attempt.item, .detail = attempt.item.why};
  const std::string refused =
      attempt.refused ? attempt.refused->message : "the cloud says that it is done";
  if (!is_proven_) {
    line.detail += ", tried, but the group was not read since: " + refused;
  } else if (stands == nullptr) {
    line.outcome = ReapOutcome::removed;
  } else if (plan::is_inert(*stands) && stands->settled()) {
    line.outcome = ReapOutcome::inert;
    line.detail += ", lets nobody in, but cannot be deleted: " + refused;
  } else {
    line.detail += ": " + refused;
  }
  return line;
}

ReapLine ReapVisit::line_of(const ReapItem& item) const {
  ReapLine line{.group = group_.id, .item = item, .detail = item.why};
  switch (item.step) {
    case ReapStep::remove:
    case ReapStep::later:
      line.outcome = means_.dry_run ? ReapOutcome::would_remove : ReapOutcome::left;
      if (!means_.dry_run && item.step == ReapStep::remove) line.detail += ", not tried";
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
  return line;
}

}  // namespace portcullis::app
