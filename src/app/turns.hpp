#pragma once

#include <list>

#include "cloud/pauses.hpp"

namespace portcullis::app {

/// A bounded number of jobs at a time, first come, first served. One thread. Whoever has a turn
/// gives it back; no destructor does it, since frames also die when the world around them is gone.
class Turns {
 public:
  Turns(cloud::Pauses& pauses, int count) : pauses_(pauses), free_(count) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// False, and no turn is taken: `pauses` were stopped.
  Task<bool> take();
  void give_back();

 private:
  struct Waiter {
    Wake wake{};
    bool granted = false;
  };

  cloud::Pauses& pauses_;
  int free_;
  std::list<Waiter*> waiting_;
};

}  // namespace portcullis::app
