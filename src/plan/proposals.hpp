#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan/rule_plan.hpp"
#include "plan/rule_shape.hpp"

namespace portcullis::plan {

/// A rule of ours in the group; without a mark it is unreadable.
struct Existing {
  const model::SecurityRule* rule = nullptr;
  std::optional<OwnMark> mark{};
};

/// By name in lower case.
using OwnRules = std::map<std::string, Existing>;

/// What shall become of one rule, whatever its priority: `target`, or gone by `removal`, or, with
/// neither, left as it is.
struct Proposal {
  std::string name;
  OwnMark mark{};
  const model::SecurityRule* actual = nullptr;  ///< null: not there yet
  std::optional<OwnMark> actual_mark{};         ///< none: it cannot be read
  bool expired = false;                         ///< `actual` is past its own end
  std::optional<model::SecurityRule> target{};
  std::optional<ChangeClass> removal{};
  std::optional<model::SecurityRule> meanwhile{};  ///< what is left at once of one that goes last
  std::string reason{};
  std::vector<GrantShare> grants{};
  bool orphan = false;  ///< stays, but nobody wants it: it does not stand rightly

  bool removes() const { return !target && removal.has_value(); }
};

struct Proposals {
  std::vector<Proposal> list{};  ///< one a name, sorted by it
  std::vector<Problem> problems{};
};

/// Judges each rule for itself: shutters too, but those only stay or, altered, go.
Proposals propose(const GroupDesired& desired, const OwnRules& own, TimePoint now);

}  // namespace portcullis::plan
