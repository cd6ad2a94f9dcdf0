#include "runtime/workqueue.hpp"

#include <algorithm>

namespace portcullis::runtime {

void Workqueue::add(std::string key, Urgency urgency) {
  if (stopped_) return;
  if (const auto busy = in_work_.find(key); busy != in_work_.end()) {
    busy->second = std::min(busy->second.value_or(urgency), urgency);
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

void Workqueue::add_at(std::string key, TimePoint when) {
  if (stopped_) return;
  if (when <= clock_.now()) return add(std::move(key));
  const auto known = time_of_.find(key);
  if (known != time_of_.end()) {
    if (known->second <= when) return;
    later_.erase({known->second, key});
    time_of_.erase(known);
  }
  later_.emplace(when, key);
  time_of_.emplace(std::move(key), when);
  if (later_.begin()->first == when) timer_wake_.notify();
}

Task<std::optional<std::string>> Workqueue::take() {
  while (!stopped_ && ready_.empty()) {
    Wake wake;
    takers_.insert(&wake);
    co_await clock_.sleep_for(std::chrono::hours(1), &wake);
    takers_.erase(&wake);
  }
  if (stopped_) co_return std::nullopt;
  const auto first = ready_.begin();
  std::string key = first->second;
  place_of_.erase(key);
  ready_.erase(first);
  in_work_.emplace(key, std::nullopt);
  co_return key;
}

void Workqueue::done(const std::string& key) {
  const auto place = in_work_.find(key);
  if (place == in_work_.end()) return;
  const auto again = place->second;
  in_work_.erase(place);
  if (again) add(key, *again);
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
      later_.erase(later_.begin());
      time_of_.erase(key);
      add(key);
    }
    const TimePoint next =
        later_.empty() ? clock_.now() + std::chrono::hours(1) : later_.begin()->first;
    co_await clock_.sleep_until(next, &timer_wake_);
  }
}

}  // namespace portcullis::runtime
