#pragma once

#include <map>
#include <string>

#include "controllers/world.hpp"
#include "plan/clock_skew.hpp"

namespace portcullis::controllers {

/// Sees to it that what the clocks of an account say to each other is told when it changes: on the
/// log, and by waking whoever says it in a status or waits for it. Nobody depends on it to be safe:
/// before a grant and before an opening the clocks are looked at anew.
class ClockWatch {
 public:
  explicit ClockWatch(World& world) : world_(world) {}

  /// Until `stop`, once.
  Task<void> run();
  void stop();

 private:
  void look();
  void wake(const model::CloudAccount& account, bool concerns_openings);

  World& world_;
  std::map<std::string, plan::ClockView> told_;  ///< by the account's name
  bool stopped_ = false;
  Wake wake_;
};

/// The condition ClockSkewed of an account.
model::Condition describe_clocks(World& world, const model::CloudAccount& account);

}  // namespace portcullis::controllers
