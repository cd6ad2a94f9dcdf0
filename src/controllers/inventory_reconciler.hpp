#pragma once

#include <set>
#include <string>

#include "controllers/world.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// Lists the machines of the resource groups that an account's policies select from, and tells the
/// policies which of them may be theirs. It only ever adds: whether a machine is a policy's, and
/// whether it still is, a direct reading of it decides.
class InventoryReconciler final : public runtime::Reconciler {
 public:
  InventoryReconciler(World& world, Duration period);

  /// `key` is an account's name. Idle as long as no policy has a selector.
  Task<Result<runtime::Next>> reconcile(std::string key) override;

 private:
  using Policies = std::vector<kube::Store<model::JitPolicy>::Pointer>;

  Policies selecting_policies(const std::string& account) const;
  void note(const model::CloudAccount& account, const Policies& asked,
            const Result<std::vector<model::ListedMachine>>& listed);

  World& world_;
  Duration period_;  ///< a machine that comes is locked within that time
};

}  // namespace portcullis::controllers
