#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/proposals.hpp"
#include "plan/rule_shape.hpp"
#include "plan/rule_wants.hpp"

namespace portcullis::plan {

/// What exceptions of one owner let in, as rules for wherever its machines are.
std::vector<model::SecurityRule> exceptions_anywhere(std::span<const KeepWant> wants);

/// The exceptions that stand in a group, against what their owners say. Keeps that do not fit their
/// names count for nothing.
class Exceptions {
 public:
  /// Both have to outlive it.
  Exceptions(const GroupDesired& desired, const OwnRules& own);

  /// Whether the keep lets in somebody, wherever, whom its owner is known to let in no more.
  bool is_withdrawn(const model::SecurityRule& keep, const std::string& owner) const;

  /// The addresses that the owner has locked on the keep's ports.
  model::PrefixSet locked_with(const model::SecurityRule& keep, const std::string& owner) const;

  /// The addresses of the keep at which it counts: those where nobody else decides.
  model::PrefixSet counts_at(const model::SecurityRule& keep, const std::string& owner) const;

  /// The addresses for which this exception stands, or one of the owner on the ports that is not
  /// `wanted` any more, and where it counts: what the owner says instead is for them as well.
  model::PrefixSet stand_at(const Draft& keep, const std::map<std::string, Draft>& wanted) const;

 private:
  const GroupDesired& desired_;
  const OwnRules& own_;
  std::map<std::string, std::vector<model::SecurityRule>> said_;  ///< by owners that are known
};

/// The exception with those of its addresses at which the group's rules let in all that it lets in,
/// as exceptions of the same owner and settled: a put of that lets in nobody anew, at its priority.
/// Nothing if there are none, or if the number is another rule's.
std::optional<model::SecurityRule> let_in_already(const model::SecurityRule& keep,
                                                  const std::string& owner,
                                                  const model::SecurityGroup& actual,
                                                  std::string_view instance);

}  // namespace portcullis::plan
