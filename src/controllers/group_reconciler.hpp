#pragma once

#include <map>
#include <string>

#include "controllers/group_writer.hpp"
#include "controllers/waiting_line.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// The one writer of a network security group: reads it, plans all locks and grants of it together,
/// writes the difference rule by rule, reads it back, and wakes whoever judges by it.
class GroupReconciler final : public runtime::Reconciler {
 public:
  using MayWrite = GroupWriter::MayWrite;

  GroupReconciler(World& world, kube::Client& client, MayWrite may_write);

  /// `key` is a `resource_key` of a group that the world knows.
  Task<Result<runtime::Next>> reconcile(std::string key) override;

 private:
  // About the pace at which Azure gives reads and writes for good.
  struct Lines {
    WaitingLine reads{std::chrono::milliseconds(50)};
    WaitingLine writes{std::chrono::milliseconds(500)};
  };

  Task<Result<Done>> read(cloud::Provider* provider, std::string key);
  void replan(const std::string& key);
  void plan_wants(GroupView& view, const model::CloudAccount& account, const std::string& key);
  void remember_touched(const std::string& key);
  TimePoint turn_in_line(const cloud::Provider& provider, const std::string& key);
  void leave_line(const std::string& key);
  Lines& lines_before(const std::string& key);

  World& world_;
  MayWrite may_write_;
  GroupWriter writer_;
  std::map<std::string, Lines> lines_;  ///< by account: each has a budget of its own
};

}  // namespace portcullis::controllers
