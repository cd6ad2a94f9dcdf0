#include "cloud/slots.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace portcullis::cloud {
namespace {

constexpr int kept_for_closings = 1;

const char* name_of(bool is_write) { return is_write ? "writes" : "reads"; }

/// What a call that its own budget holds back is told.
Error out_of_tokens(Work work, bool is_write, Duration wait) {
  Error error{.kind = Error::Kind::throttled,
              .message = std::string("not sent, the subscription's budget of ") +
                         name_of(is_write) + " is used up" +
                         (is_closing(work) ? "" : " but for closings"),
              .code = budget_used_up};
  // Others must not hear of a time to come back: their group may have to close before it.
  if (is_closing(work)) error.retry_after = wait;
  return error;
}

}  // namespace

Task<Result<Slots::Slot>> Slots::take(Work work, bool is_write, Duration deadline,
                                      std::string about) {
  const BootTime end = clock_.boot_now() + deadline;
  Budget& budget = budgets_.of(is_write);
  if (const Duration refill = budget.tokens.wait(work, clock_.boot_now());
      refill > std::max(deadline, Duration(0)) / 2) {
    budget.note_shortage(name_of(is_write), work, refill, clock_.boot_now());
    co_return fail(out_of_tokens(work, is_write, refill));
  }
  Waiter waiter{
      .place = {work, !is_write, next_number_++}, .about = about, .was_slow = was_slow(about)};
  queue_.emplace(waiter.place, &waiter);
  hand_out();
  bool was_short = false;
  while (!waiter.granted) {
    if (waiter.gives_way) {
      co_return fail(Error::Kind::conflict, "not sent, something has to close there first");
    }
    const BootTime now = clock_.boot_now();
    const Work now_for = waiter.place.work;  // somebody may have hurried it
    const Duration refill = budget.tokens.wait(now_for, now);
    if (refill > Duration(0) && !std::exchange(was_short, true)) {
      budget.note_shortage(name_of(is_write), now_for, refill, now);
    }
    if (now >= end) {
      leave(waiter.place);
      if (refill > Duration(0)) co_return fail(out_of_tokens(now_for, is_write, refill));
      co_return fail(Error::Kind::timeout, "no free connection to the cloud in time");
    }
    waiter.timed = refill > Duration(0) && watching_[is_write ? 1 : 0] == &waiter;
    const Duration rest = waiter.timed ? std::min(refill, end - now) : end - now;
    const auto slept = co_await pauses_.sleep(rest, waiter.wake);
    if (!slept) {
      if (waiter.granted) {
        release(waiter.was_slow);
      } else {
        leave(waiter.place);
      }
      co_return fail(slept.error());
    }
    if (!waiter.granted) hand_out();
  }
  co_return Slot{
      .about = std::move(about), .since = clock_.boot_now(), .was_slow = waiter.was_slow};
}

void Slots::hurry(const std::string& about) {
  std::vector<Waiter*> hurried;
  for (const auto& [place, waiter] : queue_) {
    if (waiter->about == about && !is_closing(place.work)) hurried.push_back(waiter);
  }
  for (Waiter* waiter : hurried) {
    queue_.erase(waiter->place);
    waiter->gives_way = waiter->place.work == Work::opening && !waiter->place.is_read;
    if (!waiter->gives_way) {
      waiter->place.work = Work::closing;
      queue_.emplace(waiter->place, waiter);
    }
    waiter->wake.notify();  // the token that it waits for may be there for a closing
  }
  if (!hurried.empty()) hand_out();
}

void Slots::give_back(const Slot& slot) {
  judge(slot);
  release(slot.was_slow);
}

void Slots::release(bool was_slow) {
  ++free_;
  if (was_slow) --slow_under_way_;
  hand_out();
}

void Slots::judge(const Slot& slot) {
  const BootTime now = clock_.boot_now();
  if (now - slot.since < slow) {
    slow_.erase(slot.about);
    return;
  }
  std::erase_if(slow_, [&](const auto& entry) { return now - entry.second >= remembered; });
  slow_[slot.about] = now;
}

bool Slots::was_slow(const std::string& about) const {
  const auto found = slow_.find(about);
  return found != slow_.end() && clock_.boot_now() - found->second < remembered;
}

/// Whoever stands there for something slow lets others pass while enough such calls are under way.
bool Slots::is_passed(const Waiter& waiter) const {
  return waiter.was_slow && slow_under_way_ >= most_slow;
}

bool Slots::may_go(const Place& place, BootTime now) {
  if (free_ <= (is_closing(place.work) ? 0 : kept_for_closings)) return false;
  return budgets_.of(!place.is_read).tokens.wait(place.work, now) <= Duration(0);
}

void Slots::hand_out() {
  const BootTime now = clock_.boot_now();
  std::array<bool, 2> stuck{};  // who comes behind one of its kind that may not go may not, either
  for (auto next = queue_.begin(); next != queue_.end() && free_ > 0 && !(stuck[0] && stuck[1]);) {
    if (is_passed(*next->second)) {
      ++next;
      continue;
    }
    bool& is_stuck = stuck[next->first.is_read ? 0 : 1];
    if (is_stuck || !may_go(next->first, now)) {
      is_stuck = true;
      ++next;
      continue;
    }
    --free_;
    if (next->second->was_slow) ++slow_under_way_;
    budgets_.of(!next->first.is_read).tokens.take(now);
    next->second->granted = true;
    next->second->wake.notify();
    next = queue_.erase(next);
  }
  watch_first();
}

void Slots::leave(const Place& place) {
  queue_.erase(place);
  watch_first();
}

/// Whoever is the first of its kind and does not know yet how long the next token takes wakes to
/// see.
void Slots::watch_first() {
  for (const bool is_read : {true, false}) {
    const auto first = std::ranges::find_if(queue_, [&](const auto& entry) {
      return entry.first.is_read == is_read && !is_passed(*entry.second);
    });
    Waiter* waiter = first == queue_.end() ? nullptr : first->second;
    watching_[is_read ? 0 : 1] = waiter;
    if (waiter == nullptr || waiter->timed) continue;
    const auto& tokens = budgets_.of(!is_read).tokens;
    const bool is_short = tokens.wait(first->first.work, clock_.boot_now()) > Duration(0);
    if (is_short) waiter->wake.notify();
  }
}

}  // namespace portcullis::cloud
