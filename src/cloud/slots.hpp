#pragma once

#include <list>

#include "cloud/pauses.hpp"

namespace portcullis::cloud {

/// A bounded number of calls at a time; writes go before reads, else first come, first served.
/// One thread. Whoever has taken a slot gives it back, always: no destructor does it, since frames
/// also die when the world around them is already gone.
class Slots {
 public:
  Slots(Pauses& pauses, int count) : pauses_(pauses), free_(count) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  /// `timeout` when none came free in time, `cancelled` at stop.
  Task<Result<Done>> take(bool is_write, Duration deadline);
  void give_back();

 private:
  struct Waiter {
    Wake wake{};
    bool granted = false;
  };
  using Queue = std::list<Waiter*>;

  Pauses& pauses_;
  int free_;
  Queue writes_;
  Queue reads_;
};

}  // namespace portcullis::cloud
