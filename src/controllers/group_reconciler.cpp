#include "controllers/group_reconciler.hpp"

#include <algorithm>

#include "controllers/drifts.hpp"
#include "controllers/group_attempts.hpp"
#include "controllers/group_order.hpp"
#include "controllers/group_wants.hpp"
#include "controllers/orphans.hpp"
#include "controllers/settling.hpp"
#include "controllers/standing.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"
#include "plan/steady_text.hpp"

namespace portcullis::controllers {
namespace {

using Urgency = runtime::Workqueue::Urgency;

// How long a reading of a group is believed: an edit by somebody else is seen by then.
constexpr Duration read_again = std::chrono::seconds(60);
constexpr Duration forgotten_after = std::chrono::minutes(10);

// So many in a row are no race any more.
constexpr int conflicts_told_from = 5;

/// Whether a rule of ours was in it when it was last read, or may have been.
bool holds_ours(const World& world, const GroupView& view) {
  if (!view.group) return !view.gone;
  return std::ranges::any_of(view.group->rules, [&](const model::SecurityRule& rule) {
    return !std::holds_alternative<plan::ForeignMark>(plan::read_mark(rule, world.instance));
  });
}

/// Of the pass at the plan's next change.
Urgency urgency_at(const GroupView& view) {
  return view.plan.next_change == view.plan.next_close ? Urgency::closing : Urgency::normal;
}

/// Whether a group that is gone concerns nobody any more. Lists and machines bring it back if it is
/// made anew; until then each look would be a call for nothing, for as long as we run.
bool may_be_forgotten(const World& world, const std::string& key, const GroupView& view) {
  return view.gone && !view.dirty && view.missing_since &&
         world.clock.now() - *view.missing_since >= forgotten_after &&
         world.machines.behind(key).empty() && world.touched.grants_in(key).empty();
}

/// Whether a group that the budget held back waits for its turn: it has nothing to close or to
/// open, now or soon. All others try again by themselves.
bool may_stand_in_line(const GroupView& view, const Error& error) {
  return error.code == cloud::budget_used_up && !view.closing_since && view.considered.empty() &&
         view.woken_by.empty() && view.plan.nothing_to_close();
}

}  // namespace

GroupReconciler::GroupReconciler(World& world, kube::Client& client, MayWrite may_write)
    : world_(world), may_write_(may_write), writer_(world, client, std::move(may_write)) {}

Task<Result<runtime::Next>> GroupReconciler::reconcile(std::string key) {
  const auto known = world_.groups.find(key);
  if (known == world_.groups.end()) co_return runtime::Next{};
  const auto* account = world_.account_of(known->second.id);
  if (account == nullptr) {
    if (!holds_ours(world_, known->second)) co_return runtime::Next{};
    co_return fail(Error::Kind::unavailable, "no CloudAccount has the subscription of this group");
  }
  if (const auto later = wait_for_coming(world_, key)) co_return *later;
  if (group_stands(world_, key)) {
    replan(key);  // what is wanted of it may have changed all the same
    GroupView& view = world_.groups[key];
    const bool rests =
        view.plan.changes.empty() && view.considered.empty() && !view.plan.next_change;
    if (rests) {
      // Somebody waits to hear that what has changed asks for no change here.
      if (std::exchange(view.dirty, false)) world_.group_changed(key);
      co_return runtime::Next{.at = world_.clock.now() + read_again};
    }
  }
  const auto provider = world_.provider_of(*account);
  if (!provider) {
    world_.groups[key].error = provider.error();
    co_return fail(provider.error());
  }

  auto outcome = co_await read(*provider, key);
  if (outcome && world_.groups[key].group) {
    const auto changes = world_.groups[key].plan.changes;
    if (!changes.empty()) {
      const auto done = co_await writer_.carry_out(*provider, key, changes);
      outcome = done.outcome;
      // What the calls answered proves nothing: only what a new reading shows does.
      const auto read_back = done.sent ? co_await read(*provider, key) : Result<Done>(Done{});
      if (outcome && !read_back) outcome = fail(read_back.error());
    }
  }

  GroupView& view = world_.groups[key];
  // What concerns one rule alone is kept with it, and a conflict is over with the next plan, unless
  // it never is.
  const bool conflict = !outcome && outcome.error().kind == Error::Kind::conflict;
  view.conflicts = conflict ? view.conflicts + 1 : 0;
  if (outcome || (conflict && view.conflicts < conflicts_told_from)) {
    view.error.reset();
  } else {
    view.error = outcome.error();
    view.error->message = plan::steady_text(outcome.error().message);
  }
  note_settling(world_, view);
  const bool in_line = !outcome && may_stand_in_line(view, outcome.error());
  // One that stands in line to be read has not been tried yet.
  const bool first_pass = (!in_line || view.group) && !std::exchange(view.passed, true);
  world_.group_changed(key);
  const auto* owner = world_.account_of(view.id);
  if (first_pass && owner != nullptr) world_.wake_swept(owner->meta.name);
  if (in_line) {
    const TimePoint turn = turn_in_line(**provider, key);
    co_return runtime::Next{.at = std::min(turn, view.plan.next_change.value_or(turn)),
                            .urgency = urgency_at(view)};
  }
  leave_line(key);
  if (!outcome) {
    // What is due meanwhile is not put off by the waits that failures bring, but by order of the
    // cloud.
    if (view.plan.next_change && !outcome.error().retry_after) {
      world_.group_queue.add_at(key, *view.plan.next_change, urgency_at(view));
    }
    co_return fail(outcome.error());
  }
  if (may_be_forgotten(world_, key, view)) {
    world_.groups.erase(key);
    co_return runtime::Next{};
  }
  if (view.gone) co_return runtime::Next{.at = world_.clock.now() + read_again};

  TimePoint next = world_.clock.now() + read_again;
  Urgency urgency = Urgency::normal;
  if (view.plan.next_change && *view.plan.next_change <= next) {
    next = *view.plan.next_change;
    urgency = urgency_at(view);
  }
  // What came up while the last changes were written has been planned by the read-back only.
  if (const auto again = next_try(view, world_.clock.now())) next = std::min(next, *again);
  if (const auto again = settling_look(view)) next = std::min(next, *again);
  co_return runtime::Next{.at = next, .urgency = urgency};
}

Task<Result<Done>> GroupReconciler::read(cloud::Provider* provider, std::string key) {
  const std::string id = world_.groups[key].id;
  const TimePoint asked_at = world_.clock.now();  // what changed while it was read counts as later
  note_closing(world_.groups[key], asked_at);
  const cloud::Work work = work_of_reading(world_.groups[key], asked_at);
  world_.groups[key].dirty = false;  // what changes from here on marks it again
  world_.groups[key].closing_marks = 0;
  auto read = co_await provider->read_group(id, work);
  GroupView& view = world_.groups[key];
  if (!read && read.error().kind == Error::Kind::not_found) {
    if (!view.missing_since) view.missing_since = world_.clock.now();
    if (world_.clock.now() - *view.missing_since >= missing_believed_after) {
      view.gone = true;
      view.group.reset();
      view.plan = {};
      view.attempts.clear();
      view.read_at = world_.clock.now();
      co_return Done{};
    }
    Error error = read.error();
    error.retry_after = missing_believed_after;
    co_return fail(std::move(error));
  }
  if (!read) co_return fail(read.error());
  view.gone = false;
  view.missing_since.reset();
  view.group = std::move(*read);
  view.read_at = asked_at;
  view.woken_by.clear();
  replan(key);
  co_return Done{};
}

void GroupReconciler::replan(const std::string& key) {
  GroupView& view = world_.groups[key];
  const auto* account = world_.account_of(view.id);
  if (account == nullptr || !view.group) return;
  plan_wants(view, *account, key);
  if (note_drift(world_, view)) plan_wants(view, *account, key);
  leave_drifted(world_, view.plan);
  settle_attempts(view, world_.clock.now());
  note_closing(view, world_.clock.now());
  tell_orphans(world_, view, *account);
  remember_touched(key);
}

void GroupReconciler::plan_wants(GroupView& view, const model::CloudAccount& account,
                                 const std::string& key) {
  const bool may_open = may_write_() && !world_.clocks.look(account).stops_openings;
  const auto desired = gather_wants(world_, account, key, may_open);
  view.considered.clear();
  for (const auto& open : desired.opens) {
    const bool open_now = !open.ended && open.starts_at <= world_.clock.now();
    if (open_now) view.considered.insert(open.grant);
  }
  view.known_over = grants_over(world_, key);
  view.plan = plan::plan_rules(desired, *view.group, world_.clock.now());
}

void GroupReconciler::remember_touched(const std::string& key) {
  const GroupView& view = world_.groups[key];
  for (const auto& wanted : view.plan.wanted) {
    const bool stands = std::ranges::any_of(view.group->rules, [&](const auto& rule) {
      return model::ascii_lower(rule.name) == model::ascii_lower(wanted.rule.name);
    });
    for (const auto& grant : wanted.grants) {
      world_.touched.add(grant, key);
      if (stands) world_.stood.insert(grant);
    }
  }
}

/// When a group that the budget held back may try again: to write what it has to, or to be read.
TimePoint GroupReconciler::turn_in_line(const cloud::Provider& provider, const std::string& key) {
  const GroupView& view = world_.groups[key];
  const TimePoint now = world_.clock.now();
  const bool writes = view.group && !view.dirty && !view.plan.changes.empty();
  Lines& lines = lines_before(key);
  (writes ? lines.reads : lines.writes).leave(key);
  const TimePoint opens = now + provider.budget_opens_in(cloud::Work::lock, writes);
  return writes ? lines.writes.turn(key, now, opens, view.plan.changes.size())
                : lines.reads.turn(key, now, opens, 1);
}

void GroupReconciler::leave_line(const std::string& key) {
  Lines& lines = lines_before(key);
  lines.reads.leave(key);
  lines.writes.leave(key);
}

GroupReconciler::Lines& GroupReconciler::lines_before(const std::string& key) {
  const auto* owner = world_.account_of(key);
  return lines_[owner == nullptr ? "" : owner->meta.name];
}

}  // namespace portcullis::controllers
