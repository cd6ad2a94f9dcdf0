#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "lab/settings.hpp"
#include "lab/world.hpp"

namespace portcullis::lab {

/// What a write leaves to be finished: a long-running operation of the Network resource provider.
struct Operation {
  enum class Status { running, succeeded, failed, canceled };
  enum class Outcome { succeed, fail, cancel };

  std::string id;
  std::string kind;    ///< "PutSecurityRuleOperation", …
  std::string group;   ///< ARM id of the NSG
  std::string rule{};  ///< empty: the whole NSG
  bool deletes = false;
  std::optional<Rule> rule_before{};            ///< what to go back to; absent: there was none
  std::optional<SecurityGroup> group_before{};  ///< the same for a write of the whole NSG
  TimePoint starts{};
  TimePoint ends{};
  Outcome outcome = Outcome::succeed;
  bool keeps_effect = true;  ///< on `fail` and `cancel`: whether the write stands
  Status status = Status::running;
  std::string superseded_by{};
};

/// The groups as people see them and as packets meet them, and the operations between the two. A
/// write shows in the world when it is accepted, and filters packets when its operation has ended
/// well.
class Operations {
 public:
  /// Ends everything that is due by `now`, in order of its end. Whether packets meet other rules
  /// now.
  bool advance(World& world, World& packets, TimePoint now);

  /// Starts one; the group's and the rule's state and the etag are changed here.
  Operation& start(World& world, Operation operation);

  /// Remembers one that was over as soon as it began.
  void record(Operation operation) { operations_.push_back(std::move(operation)); }

  /// One that still runs in this group.
  const Operation* running_in(const std::string& group) const;

  /// Ends those that run in this group as canceled and superseded; `keep` says whether their writes
  /// stand.
  void supersede(World& world, World& packets, const std::string& group, const std::string& by,
                 bool keep);

  /// Lets go of all operations of a group that is no more.
  void abandon(const std::string& group);

  const Operation* find(const std::string& id) const;
  std::optional<TimePoint> next_end() const;
  const std::vector<Operation>& all() const { return operations_; }

 private:
  void finish(World& world, World& packets, Operation& operation);

  std::vector<Operation> operations_;
};

/// Gives the group a revision that no group of this world has had: its etag changes.
void touch(World& world, SecurityGroup& group);

}  // namespace portcullis::lab
