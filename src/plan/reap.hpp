#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/security_rule.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::plan {

/// Which rules are to go, of those that Portcullis wrote. By default: open rules and shutters of
/// any instance that are past the end in their own mark.
struct ReapOrder {
  std::string instance{};  ///< only rules of this one; empty: of every one
  bool unexpired = false;  ///< also open rules and shutters that have time left
  bool locks = false;      ///< also locks and exceptions: this opens ports
};

/// What is known of the time while nobody vouches for the clock of the machine.
struct ReapTime {
  TimePoint now{};      ///< as a server stated it
  TimePoint latest{};   ///< the latest that any clock says, that of the machine included
  bool proven = false;  ///< a server did state it, over TLS
};

enum class ReapStep {
  remove,      ///< now
  later,       ///< when the rules named in `why` are gone
  keep,        ///< not asked for
  doubtful,    ///< past its end by one clock and not by another: left alone
  unreadable,  ///< no end can be read: left alone
};

struct ReapItem {
  model::SecurityRule rule{};
  std::string instance{};
  std::optional<OwnMark> mark{};  ///< nothing: it cannot be read
  ReapStep step = ReapStep::keep;
  std::string why{};
};

/// What is to be done with each rule of a group that bears the name of a Portcullis instance (of
/// the one in the order, if it names one), in the order of doing; rules of others are not among
/// them.
///
/// Pure, and meant to be asked again after each reading: of one instance open rules go first, then
/// shutters (while an open rule lets in, a shutter may be what closes it), then locks (closing goes
/// before opening), then exceptions (without its lock one is nothing, the other way round a bastion
/// is cut off).
std::vector<ReapItem> plan_reap(const model::SecurityGroup& group, const ReapOrder& order,
                                const ReapTime& time);

}  // namespace portcullis::plan
