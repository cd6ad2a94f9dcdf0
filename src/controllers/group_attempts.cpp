#include "controllers/group_attempts.hpp"

#include <algorithm>

#include "controllers/refusals.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_shape.hpp"
#include "plan/setbacks.hpp"

namespace portcullis::controllers {
namespace {

using plan::Change;
using plan::ChangeClass;

constexpr Duration first_wait = std::chrono::seconds(1);
// Of a cleanup that the cloud refuses: somebody who takes a lock away looks what comes of it.
constexpr Duration first_cleanup_wait = std::chrono::seconds(5);

// A machine that cannot be read is asked for again when its reading is due; its group need not be
// read each second for that.
constexpr Duration wait_for_machine = std::chrono::seconds(5);

// What may pass is told when it has not.
constexpr int tries_to_tell = 5;

/// Whether it is the same thing to do, at whatever priority.
bool same_change(const Change& a, const Change& b) {
  if (a.kind != b.kind || a.change_class != b.change_class) return false;
  if (a.kind == Change::Kind::remove) {
    return model::ascii_lower(a.rule.name) == model::ascii_lower(b.rule.name);
  }
  model::SecurityRule moved = a.rule;
  moved.priority = b.rule.priority;
  return plan::same_rule(moved, b.rule);
}

Duration wait_after(const Attempt& attempt) {
  const bool cleanup = attempt.change.change_class == ChangeClass::cleanup;
  const bool closing = attempt.change.change_class == ChangeClass::close;
  if (attempt.refused && cleanup) {
    return std::min<Duration>(std::chrono::minutes(1),
                              first_cleanup_wait * (1 << std::min(attempt.tries - 1, 8)));
  }
  const Duration most = attempt.refused ? std::chrono::seconds(closing ? 15 : 30)
                        : closing       ? std::chrono::seconds(5)
                                        : std::chrono::minutes(1);
  return std::min<Duration>(most, first_wait * (1 << std::min(attempt.tries - 1, 8)));
}

/// Whether the same call may be answered otherwise in a moment: it says nothing of the rule.
bool is_passing(const Error& error) {
  switch (error.kind) {
    case Error::Kind::throttled:
    case Error::Kind::busy:
    case Error::Kind::unavailable:
    case Error::Kind::timeout:
    case Error::Kind::cancelled:
      return true;
    default:
      return false;
  }
}

bool awaits_reading(const GroupView& view, const Change& change) {
  return change.change_class == ChangeClass::open &&
         std::ranges::any_of(change.grants, [&](const std::string& uid) {
           return view.await_reading.contains(uid);
         });
}

/// What was tried last for the rule that the change is about.
const Attempt* find_attempt(const GroupView& view, const Change& change) {
  const auto found = view.attempts.find(model::ascii_lower(change.rule.name));
  if (found == view.attempts.end() || !same_change(found->second.change, change)) return nullptr;
  return &found->second;
}

}  // namespace

void note_attempt(GroupView& view, const Change& change, const Result<Done>& answer,
                  TimePoint now) {
  const Attempt* before = find_attempt(view, change);
  Attempt attempt{.change = change, .tries = before == nullptr ? 1 : before->tries + 1};
  if (!answer) attempt.refused = answer.error();
  // Why a rule has to stay is told until the cloud says otherwise, not until it is busy.
  const bool stays = change.change_class == ChangeClass::cleanup && !answer &&
                     is_passing(answer.error()) && before != nullptr;
  if (stays && before->refused) attempt.refused = before->refused;
  attempt.not_before = now + wait_after(attempt);
  view.attempts[model::ascii_lower(change.rule.name)] = std::move(attempt);
}

void settle_attempts(GroupView& view, TimePoint now) {
  // What could not be removed and was made inert has just been tried.
  for (const Change& change : view.plan.changes) {
    const auto why = view.left_inert.find(model::ascii_lower(change.rule.name));
    if (change.change_class != ChangeClass::cleanup || why == view.left_inert.end()) continue;
    note_attempt(view, change, fail(why->second), now);
  }
  view.left_inert.clear();
  std::erase_if(view.attempts, [&](const auto& entry) {
    return std::ranges::none_of(view.plan.changes, [&](const Change& change) {
      return same_change(entry.second.change, change);
    });
  });
  for (const auto& [name, attempt] : view.attempts) {
    if (attempt.change.change_class != ChangeClass::cleanup || !attempt.refused) continue;
    if (is_passing(*attempt.refused) && attempt.tries < tries_to_tell) continue;
    view.plan.problems.push_back(
        {.kind = plan::ProblemKind::cleanup_blocked,
         .rule = attempt.change.rule.name,
         .priority = attempt.change.rule.priority,
         .message = "The rule " + attempt.change.rule.name +
                    " lets nobody in any more, and cannot be removed: " + words(*attempt.refused),
         .owner = attempt.change.owner});
  }
  std::erase_if(view.plan.changes, [&](const Change& change) {
    const Attempt* attempt = find_attempt(view, change);
    return change.change_class == ChangeClass::cleanup && attempt != nullptr && attempt->refused &&
           now < attempt->not_before;
  });
}

bool is_held(const GroupView& view, const Change& change, TimePoint now) {
  const Attempt* attempt = find_attempt(view, change);
  return attempt != nullptr && now < attempt->not_before;
}

std::optional<TimePoint> next_try(const GroupView& view, TimePoint now) {
  std::optional<TimePoint> next;
  plan::Setbacks held;
  for (const Change& change : view.plan.changes) {
    // A closing that has not been tried came up during the pass.
    TimePoint when = change.change_class == ChangeClass::close ? now : now + first_wait;
    if (view.openings_wait_for && change.change_class >= ChangeClass::open) {
      when = std::max(when, *view.openings_wait_for);
    }
    if (awaits_reading(view, change)) when = std::max(when, now + wait_for_machine);
    if (is_held(view, change, now)) {
      when = find_attempt(view, change)->not_before;
      held.add(change);
    } else if (held.hold_up(change)) {
      held.add(change);
      continue;
    }
    next = next ? std::min(*next, when) : when;
  }
  for (const auto& [name, attempt] : view.attempts) {
    // Of the plan's changes they are none until then.
    if (attempt.change.change_class != ChangeClass::cleanup || !attempt.refused) continue;
    next = next ? std::min(*next, attempt.not_before) : attempt.not_before;
  }
  return next;
}

const Attempt* find_refused_of_owner(const GroupView& view, const std::string& owner) {
  const auto found = std::ranges::find_if(view.attempts, [&](const auto& entry) {
    const Attempt& attempt = entry.second;
    return attempt.refused && attempt.change.owner == owner &&
           attempt.change.change_class != ChangeClass::cleanup;
  });
  return found == view.attempts.end() ? nullptr : &found->second;
}

const Attempt* find_refused_of_grant(const GroupView& view, const std::string& uid) {
  const auto found = std::ranges::find_if(view.attempts, [&](const auto& entry) {
    const Attempt& attempt = entry.second;
    return attempt.refused &&
           std::ranges::find(attempt.change.grants, uid) != attempt.change.grants.end();
  });
  return found == view.attempts.end() ? nullptr : &found->second;
}

std::string words(const Attempt& refused) {
  return "rule \"" + refused.change.rule.name + "\" is refused: " + words(*refused.refused);
}

Reach reach_of(const Error& error) {
  switch (error.kind) {
    case Error::Kind::throttled:
      return error.retry_after ? Reach::pass : Reach::openings;
    case Error::Kind::unavailable:
    case Error::Kind::timeout:
      // 500 and the like may be about this one rule; no answer, or "later", is about all of them.
      return error.status >= 500 && error.status != 503 ? Reach::change : Reach::openings;
    case Error::Kind::unauthorized:
    case Error::Kind::busy:
    case Error::Kind::cancelled:
    case Error::Kind::not_found:
      return Reach::openings;
    default:
      return Reach::change;
  }
}

}  // namespace portcullis::controllers
