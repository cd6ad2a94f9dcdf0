#pragma once

#include "controllers/world.hpp"
#include "plan/clock_skew.hpp"

namespace portcullis::controllers {

/// Sees to it that what the clocks say to each other is told when it changes: on the log, and by
/// waking whoever says it in a status or waits for it. Nobody depends on it to be safe: before a
/// grant and before an opening the clocks are looked at anew.
class ClockWatch {
 public:
  explicit ClockWatch(World& world) : world_(world) {}

  /// Until `stop`, once.
  Task<void> run();
  void stop();

 private:
  void tell(const plan::ClockView& seen);

  World& world_;
  plan::ClockView told_{};
  bool stopped_ = false;
  Wake wake_;
};

/// The condition ClockSkewed of an account.
model::Condition describe_clocks(World& world);

}  // namespace portcullis::controllers
