#pragma once

#include <set>
#include <string>

#include "plan/rule_plan.hpp"

namespace portcullis::plan {

/// What did not come about of a plan that is being carried out: what of the rest relies on it has
/// to wait for the next plan. All else goes on, so that a rule which the cloud refuses for ever
/// stops nobody else's lock, opening or unlock.
class Setbacks {
 public:
  void add(const Change& change);

  /// Whether the change relies on one that did not come about:
  /// - one policy's exceptions go before its locks, and those before what it releases;
  /// - a rule that was to be closed first is not written;
  /// - nor is one at a number that a removal was to free.
  /// Closings and cleanups rely on nothing.
  bool hold_up(const Change& change) const;

 private:
  std::set<std::string> rules_;   ///< names in lower case
  std::set<std::string> owners_;  ///< whose exceptions and locks are not all as they shall be
  std::set<int> kept_;            ///< priorities not freed
};

}  // namespace portcullis::plan
