#include "cloud/slots.hpp"

namespace portcullis::cloud {

Task<Result<Done>> Slots::take(bool is_write, Duration deadline) {
  if (free_ > 0) {
    --free_;
    co_return Done{};
  }
  Queue& queue = is_write ? writes_ : reads_;
  Waiter waiter;
  const auto self = queue.insert(queue.end(), &waiter);
  const auto slept = co_await pauses_.sleep(deadline, waiter.wake);
  if (waiter.granted && !slept) give_back();
  if (!waiter.granted) queue.erase(self);
  if (!slept) co_return slept;
  if (!waiter.granted) {
    co_return fail(Error::Kind::timeout, "no free connection to the cloud in time");
  }
  co_return Done{};
}

void Slots::give_back() {
  Queue& queue = writes_.empty() ? reads_ : writes_;
  if (queue.empty()) {
    ++free_;
    return;
  }
  Waiter* next = queue.front();
  queue.pop_front();
  next->granted = true;
  next->wake.notify();
}

}  // namespace portcullis::cloud
