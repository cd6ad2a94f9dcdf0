#include "app/turns.hpp"

namespace portcullis::app {

Task<bool> Turns::take() {
  if (pauses_.stopped()) co_return false;
  if (free_ > 0) {
    --free_;
    co_return true;
  }
  Waiter self;
  const auto place = waiting_.insert(waiting_.end(), &self);
  bool goes_on = true;
  while (goes_on && !self.granted) {
    goes_on = (co_await pauses_.sleep(std::chrono::hours(1), self.wake)).has_value();
  }
  if (!self.granted) waiting_.erase(place);
  if (self.granted && !goes_on) give_back();
  co_return goes_on;
}

void Turns::give_back() {
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  Waiter* next = waiting_.front();
  waiting_.pop_front();
  next->granted = true;
  next->wake.notify();
}

}  // namespace portcullis::app
