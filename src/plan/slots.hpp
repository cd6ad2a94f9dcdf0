#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan/rule_shape.hpp"
#include "plan/rule_wants.hpp"

namespace portcullis::plan {

/// One open rule: destination set, ports, protocol, family, and the minute in which it ends.
struct Slot {
  struct Live {
    std::string grant;
    model::PrefixSet sources;
    TimePoint ends_at;  ///< whole seconds
  };
  model::SecurityRule rule{};  ///< without sources and description
  std::vector<Live> live{};
  model::PrefixSet over{};  ///< sources of grants that are known to be over
};

/// When a grant ends, as rules can say it.
TimePoint end_of(const OpenWant& want);

/// Slots by rule name: of all live grants, and of those that are over where their slot is known.
std::map<std::string, Slot> gather_slots(const GroupDesired& desired, TimePoint now);

/// The slot that an existing rule is, judged by its content; nothing if the content does not fit
/// its name, so that somebody else altered it. Grants that are over "wherever" are taken in.
std::optional<Slot> slot_of(const model::SecurityRule& rule, const OwnMark& mark,
                            const GroupDesired& desired, TimePoint now);

/// What an open rule shall be. `unknown`: sources that stand in it and that may belong to a grant
/// that was not resolved yet.
struct SlotDraft {
  Draft draft{};
  model::PrefixSet unknown{};
};

/// `actual` is the rule of this name, if it is there and was not altered. Nothing: it shall not be.
std::optional<SlotDraft> settle(const Slot& slot, const model::SecurityRule* actual,
                                const OwnMark* mark, const GroupDesired& desired, TimePoint now);

}  // namespace portcullis::plan
