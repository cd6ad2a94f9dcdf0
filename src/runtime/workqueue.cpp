#include "runtime/workqueue.hpp"

#include <algorithm>

namespace portcullis::runtime {
namespace {

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
    return;
  }
  if (const auto placed = place_of_.find(key); placed != place_of_.end()) {
    if (placed->second.urgency <= urgency) return;
    ready_.erase(placed->second);
    place_of_.erase(placed);
  }
  const Place place{urgency, next_number_++};
  ready_.emplace(place, key);
  place_of_.emplace(std::move(key), place);
  for (Wake* taker : takers_) taker->notify();
}

void Workqueue::add_at(std::string key, TimePoint when, Urgency urgency) {
  if (stopped_) return;
  if (when <= clock_.now()) return add(std::move(key), urgency);
  const auto known = time_of_.find(key);
  if (known != time_of_.end()) {
    auto& [time, how] = known->second;
    if (time == when) how = std::min(how, urgency);
    if (time <= when) return;
    later_.erase({time, key});
    time_of_.erase(known);
  }
  later_.emplace(when, key);
  time_of_.emplace(std::move(key), std::pair{when, urgency});
  if (later_.begin()->first == when) timer_wake_.notify();
}

Task<std::optional<std::string>> Workqueue::take(Urgency least) {
  while (!stopped_ && (ready_.empty() || ready_.begin()->first.urgency > least)) {
    Wake wake;
    const Waiting waiting(takers_, wake);
    co_await clock_.sleep_for(std::chrono::hours(1), &wake);
  }
  if (stopped_) co_return std::nullopt;
  const auto first = ready_.begin();
  std::string key = first->second;
  in_work_.emplace(key, InWork{.taken_as = first->first.urgency});
  place_of_.erase(key);
  ready_.erase(first);
  co_return key;
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
    while (!later_.empty() && later_.begin()->first <= clock_.now()) {
      const std::string key = later_.begin()->second;
      const auto time = time_of_.find(key);
      const Urgency urgency = time->second.second;
      later_.erase(later_.begin());
      time_of_.erase(time);
      add(key, urgency);
    }
    const TimePoint next =
        later_.empty() ? clock_.now() + std::chrono::hours(1) : later_.begin()->first;
    co_await clock_.sleep_until(next, &timer_wake_);
  }
}

}  // namespace portcullis::runtime
