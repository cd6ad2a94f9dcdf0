#pragma once

#include <cstddef>

#include "controllers/world.hpp"
#include "plan/policy_status.hpp"

namespace portcullis::controllers {

/// What stands open, by what this process knows.
struct OpenGrants {
  /// Grants that a rule was sent for, or seen, and that are not proven closed.
  std::size_t open = 0;
  /// Grants past their end and not proven closed; or, if those are more, open rules past the end in
  /// their own mark that were there at the last reading.
  std::size_t overdue = 0;
  /// Since the end of the one that should have been closed longest ago; zero: none.
  Duration oldest_overdue{0};
};

/// Believes a final status only of what ended before this process began: what it saw end itself it
/// has to have proven itself. A grant from before whose request is gone counts by its rules alone,
/// unless its verdict says that it is overdue.
/// Reads only; takes time in proportion to all verdicts and rules of ours.
OpenGrants count_open_grants(const World& world);

/// The grants of one policy: those that are live, and what became of those that its suspension
/// ended.
void count_grants(const World& world, const model::JitPolicy& policy,
                  plan::PolicyFindings& findings);

}  // namespace portcullis::controllers
