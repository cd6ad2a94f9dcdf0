#pragma once

#include <functional>
#include <string>
#include <vector>

#include "controllers/rule_closing.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// The one writer of a network security group: reads it, plans all locks and grants of it together,
/// writes the difference rule by rule, reads it back, and wakes whoever judges by it.
class GroupReconciler final : public runtime::Reconciler {
 public:
  /// Whether writes may be sent now (the lease outlives them). Removing what is past its own end
  /// needs no leave.
  using MayWrite = std::function<bool()>;

  GroupReconciler(World& world, kube::Client& client, MayWrite may_write);

  /// `key` is a `resource_key` of a group that the world knows.
  Task<Result<runtime::Next>> reconcile(std::string key) override;

 private:
  Task<Result<Done>> read(cloud::Provider* provider, std::string key);
  Task<Result<Done>> carry_out(cloud::Provider* provider, std::string key,
                               std::vector<plan::Change> changes);
  Task<Result<Closing>> apply(cloud::Provider* provider, std::string group, plan::Change change,
                              cloud::Work work);
  bool is_past_its_end(const plan::Change& change) const;
  void replan(const std::string& key);
  void plan_wants(GroupView& view, const model::CloudAccount& account, const std::string& key);
  void remember_touched(const std::string& key);

  World& world_;
  kube::Client& client_;
  MayWrite may_write_;
};

}  // namespace portcullis::controllers
