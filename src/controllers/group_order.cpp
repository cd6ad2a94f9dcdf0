#include "controllers/group_order.hpp"

#include <algorithm>

#include "plan/request_status.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {
namespace {

using cloud::Work;
using plan::ChangeClass;
using std::chrono::seconds;

constexpr Duration shortest_write = std::chrono::milliseconds(500);
constexpr Duration longest_write = seconds(15);
constexpr Duration shortest_question = std::chrono::milliseconds(100);
constexpr Duration patience_behind_closings = seconds(10);
constexpr Duration patience = seconds(30);

Work closing_work(TimePoint due, TimePoint now) {
  return now - due >= plan::overdue_grace ? Work::overdue_closing : Work::closing;
}

/// Openings, and what is less urgent.
bool comes_last(const plan::Change& change) { return change.change_class >= ChangeClass::open; }

/// Whether a closing is due before a write that begins now would have ended.
bool is_close_near(const GroupView& view, TimePoint now) {
  const auto& next = view.plan.next_close;
  return next && *next - now < view.write_takes;
}

/// Whether openings wait for something that goes first: unless they have for long.
bool waits(GroupView& view, const Progress& progress, TimePoint now) {
  if (!view.openings_wait_since) view.openings_wait_since = now;
  const Duration waited = now - *view.openings_wait_since;
  const bool may_go =
      waited >= patience || (waited >= patience_behind_closings && progress.closing);
  if (may_go && !progress.others) return false;
  if (is_close_near(view, now)) view.openings_wait_for = *view.plan.next_close;
  return true;
}

}  // namespace

void note_closing(GroupView& view, TimePoint now) {
  const auto& next = view.plan.next_close;
  if (next && *next <= now) {
    if (!view.closing_since) view.closing_since = *next;
  } else if (!view.plan.nothing_to_close()) {
    if (!view.closing_since) view.closing_since = now;
  } else if (view.group && view.closing_marks == 0) {
    view.closing_since.reset();
  }
  if (std::ranges::none_of(view.plan.changes, comes_last)) view.openings_wait_since.reset();
}

Work work_of(const GroupView& view, const plan::Change& change, TimePoint now) {
  switch (change.change_class) {
    case ChangeClass::replace:  // closings come behind it
    case ChangeClass::close:
      return closing_work(view.closing_since.value_or(now), now);
    case ChangeClass::keep:
    case ChangeClass::lock:
      return Work::lock;
    case ChangeClass::open:
    case ChangeClass::unlock:
      return Work::opening;
    case ChangeClass::cleanup:
      break;
  }
  return Work::drift;
}

Work work_of_reading(const GroupView& view, TimePoint now) {
  if (view.closing_since) return closing_work(*view.closing_since, now);
  if (!view.group) return Work::lock;  // whether all is locked there is not known
  Work work = view.dirty ? Work::opening : Work::drift;
  for (const plan::Change& change : view.plan.changes) {
    work = std::min(work, work_of(view, change, now));
  }
  return work;
}

std::optional<runtime::Next> wait_for_coming(World& world, const std::string& group_key) {
  using Urgency = runtime::Workqueue::Urgency;
  const auto known = world.groups.find(group_key);
  if (known == world.groups.end()) return std::nullopt;
  const GroupView& view = known->second;
  const TimePoint now = world.clock.now();
  const auto& close = view.plan.next_close;
  // A pass that failed has waits of its own.
  const bool may_wait = view.passed && !view.error && !view.closing_since &&
                        !(close && *close <= now) &&
                        world.group_queue.taken_as(group_key) != Urgency::closing;
  if (!may_wait) return std::nullopt;
  const auto wait = world.coming.hold(group_key, world.clock.boot_now());
  if (!wait) return std::nullopt;
  if (close && *close <= now + *wait)
    return runtime::Next{.at = close, .urgency = Urgency::closing};
  return runtime::Next{.at = now + *wait};
}

bool gives_way(GroupView& view, const plan::Change& change, const Progress& progress,
               TimePoint now) {
  if (change.change_class == ChangeClass::close) return false;
  const bool has_news = progress.awaited && view.dirty;
  if (!comes_last(change)) return has_news;
  return (has_news || is_close_near(view, now)) && waits(view, progress, now);
}

bool gives_way_to_closing(GroupView& view, const plan::Change& change, const Progress& progress,
                          TimePoint now) {
  const bool has_come = view.closing_marks > progress.closings_planned;
  return comes_last(change) && (has_come || is_close_near(view, now)) && waits(view, progress, now);
}

Duration time_to_ask(GroupView& view, const plan::Change& change, const Progress& progress,
                     TimePoint now, Duration longest) {
  if (gives_way_to_closing(view, change, progress, now)) return {};
  if (!view.plan.next_close || is_close_near(view, now)) return longest;
  const Duration left = *view.plan.next_close - view.write_takes - now;
  return std::clamp<Duration>(left, shortest_question, longest);
}

void note_write_time(GroupView& view, Duration took) {
  view.write_takes =
      std::clamp(std::max(took, (view.write_takes + took) / 2), shortest_write, longest_write);
}

}  // namespace portcullis::controllers
