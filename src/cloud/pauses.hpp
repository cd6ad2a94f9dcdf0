#pragma once

#include <list>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace portcullis::cloud {

/// Waits that end early when the program stops. Everything of one account waits through one of
/// these, so that `stop` leaves nobody asleep. Must outlive its sleepers.
class Pauses {
 public:
  explicit Pauses(Clock& clock) : clock_(clock) {}
  Pauses(const Pauses&) = delete;
  Pauses& operator=(const Pauses&) = delete;

  /// Returns after `duration`, when `wake` is notified, or at `stop`: only the last is an error
  /// (`cancelled`).
  Task<Result<Done>> sleep(Duration duration, Wake& wake);
  Task<Result<Done>> sleep(Duration duration);

  /// Wakes all sleepers; later sleeps fail at once. May be called again.
  void stop();
  bool stopped() const { return stopped_; }

 private:
  Clock& clock_;
  std::list<Wake*> sleepers_;
  bool stopped_ = false;
};

}  // namespace portcullis::cloud
