#include "runtime/workqueue.hpp"

#include <algorithm>
#include <utility>

namespace portcullis::runtime {
namespace {

constexpr std::array urgencies = {Urgency::closing, Urgency::normal, Urgency::background};

/// One who waits is woken for as long as it waits, also if the waiting fails.
class Waiting {
 public:
  Waiting(std::set<Wake*>& takers, Wake& wake) : takers_(takers), wake_(wake) {
    takers_.insert(&wake_);
  }
  ~Waiting() { takers_.erase(&wake_); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::set<Wake*>& takers_;
  Wake& wake_;
};

}  // namespace

void Workqueue::add(std::string key, Urgency urgency) {
  if (stopped_) return;
  if (const auto busy = in_work_.find(key); busy != in_work_.end()) {
    auto& again = busy->second.again;
    again = std::min(again.value_or(urgency), urgency);
    if (urgency < busy->second.taken_as && overtaken_) overtaken_(key);
    return;
  }
  if (const auto known = urgency_of(key)) {
    if (*known <= urgency) return;
    ready_as(*known).remove(key);
  }
  ready_as(urgency).push(key, lane_of_ ? lane_of_(key) : std::string());
  for (Wake* taker : takers_) taker->notify();
}

void Workqueue::add_at(std::string key, TimePoint when, Urgency urgency) {
  if (stopped_) return;
  if (when <= clock_.now()) return add(std::move(key), urgency);
  if (later_.add(std::move(key), when, urgency)) timer_wake_.notify();
}

Task<std::optional<std::string>> Workqueue::take(Urgency least) {
  while (!stopped_ && !most_urgent(least)) {
    Wake wake;
    const Waiting waiting(takers_, wake);
    co_await clock_.sleep_for(std::chrono::hours(1), &wake);
  }
  if (stopped_) co_return std::nullopt;
  const Urgency urgency = *most_urgent(least);
  std::string key = ready_as(urgency).pop();
  in_work_.emplace(key, InWork{.taken_as = urgency});
  co_return key;
}

std::size_t Workqueue::ready() const {
  std::size_t count = 0;
  for (const Lanes& lanes : ready_) count += lanes.size();
  return count;
}

/// Of a key that is ready.
std::optional<Workqueue::Urgency> Workqueue::urgency_of(const std::string& key) const {
  for (const Urgency urgency : urgencies) {
    if (ready_.at(static_cast<std::size_t>(urgency)).contains(key)) return urgency;
  }
  return std::nullopt;
}

/// Of the keys that are ready and at least so urgent; nothing: there is none.
std::optional<Workqueue::Urgency> Workqueue::most_urgent(Urgency least) const {
  for (const Urgency urgency : urgencies) {
    if (urgency > least) break;
    if (!ready_.at(static_cast<std::size_t>(urgency)).empty()) return urgency;
  }
  return std::nullopt;
}

void Workqueue::done(const std::string& key) {
  const auto place = in_work_.find(key);
  if (place == in_work_.end()) return;
  const auto again = place->second.again;
  in_work_.erase(place);
  if (again) add(key, *again);
}

Workqueue::Urgency Workqueue::taken_as(const std::string& key) const {
  const auto place = in_work_.find(key);
  return place == in_work_.end() ? Urgency::background : place->second.taken_as;
}

void Workqueue::stop() {
  stopped_ = true;
  for (Wake* taker : takers_) taker->notify();
  timer_wake_.notify();
}

Task<void> Workqueue::run_timers() {
  while (!stopped_) {
    while (auto due = later_.take(clock_.now())) add(std::move(due->key), due->urgency);
    const TimePoint next = later_.first().value_or(clock_.now() + std::chrono::hours(1));
    co_await clock_.sleep_until(next, &timer_wake_);
  }
}

}  // namespace portcullis::runtime
