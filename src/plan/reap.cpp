#include "plan/reap.hpp"

#include <algorithm>
#include <tuple>

#include "plan/rule_shape.hpp"

namespace portcullis::plan {
namespace {

/// Rungs of the ladder: what stands on a lower one goes first.
int rung(const ReapItem& item) {
  if (!item.mark) return 4;
  switch (item.mark->kind) {
    case RuleKind::open:
      return 0;
    case RuleKind::shut:
      return 1;
    case RuleKind::lock:
      return 2;
    case RuleKind::keep:
      return 3;
  }
  return 4;
}

std::string ago(TimePoint until, TimePoint now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now - until);
  return format_duration(seconds);
}

void judge_time(ReapItem& item, const ReapOrder& order, const ReapTime& time) {
  const TimePoint until = *item.mark->until;
  if (time.proven && until <= time.now) {
    item.step = ReapStep::remove;
    item.why = "ended " + ago(until, time.now) + " ago";
  } else if (order.unexpired) {
    item.step = ReapStep::remove;
    item.why = "of an instance that is cleared";
  } else if (until <= std::max(time.now, time.latest)) {
    item.step = ReapStep::doubtful;
    item.why = time.proven ? "over by one clock, not over by another: set this machine's clock"
                           : "over by this machine's clock, and no server stated the time";
  } else {
    item.step = ReapStep::keep;
    item.why = "ends in " + ago(time.now, until);
  }
}

ReapItem judge(const model::SecurityRule& rule, std::string instance, const ReapOrder& order,
               const ReapTime& time) {
  ReapItem item{.rule = rule, .instance = std::move(instance)};
  const Mark mark = read_mark(rule, item.instance);
  if (const auto* own = std::get_if<OwnMark>(&mark)) {
    item.mark = *own;
    if (own->until) {
      judge_time(item, order, time);
    } else if (own->kind == RuleKind::lock && lets_in(rule)) {
      item.mark.reset();
      item.step = ReapStep::unreadable;
      item.why = "named a lock, and yet it lets in: somebody edited it";
    } else {
      item.step = order.locks ? ReapStep::remove : ReapStep::keep;
      item.why = order.locks ? "of an instance that is cleared" : "not asked for";
    }
    return item;
  }
  item.step = ReapStep::unreadable;
  const auto* unreadable = std::get_if<UnreadableMark>(&mark);
  item.why = unreadable != nullptr ? unreadable->why : "the mark cannot be read";
  return item;
}

/// The first rule of a lower rung that this one has to wait for.
const ReapItem* obstacle(const ReapItem& item, const std::vector<ReapItem>& all) {
  const auto found = std::ranges::find_if(all, [&](const ReapItem& other) {
    if (other.instance != item.instance) return false;
    if (!other.mark) return item.mark->kind == RuleKind::shut && lets_in(other.rule);
    if (rung(other) >= rung(item)) return false;
    // One that was made inert, since it could not be removed, is over.
    if (other.mark->kind == RuleKind::open) return lets_in(other.rule);
    return other.mark->kind == RuleKind::lock && item.mark->kind == RuleKind::keep;
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

std::vector<ReapItem> plan_reap(const model::SecurityGroup& group, const ReapOrder& order,
                                const ReapTime& time) {
  std::vector<ReapItem> items;
  for (const model::SecurityRule& rule : group.rules) {
    auto instance = instance_of(rule.name);
    if (!instance || (!order.instance.empty() && *instance != order.instance)) continue;
    items.push_back(judge(rule, std::move(*instance), order, time));
  }
  std::ranges::sort(items, {}, [](const ReapItem& item) {
    return std::tuple(rung(item), item.rule.priority, item.rule.name);
  });
  for (ReapItem& item : items) {
    if (item.step != ReapStep::remove) continue;
    if (const ReapItem* first = obstacle(item, items)) {
      item.step = ReapStep::later;
      item.why = "waits until " + first->rule.name + " is gone";
    }
  }
  return items;
}

}  // namespace portcullis::plan
