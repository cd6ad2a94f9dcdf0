#pragma once

#include <string>

#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "kube/events.hpp"
#include "model/status.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// Reads a policy's machines, has their groups locked by marking them, and reports per machine what
/// the evaluator proves about the groups as last read. Writes nothing to the cloud itself.
class PolicyReconciler final : public runtime::Reconciler {
 public:
  PolicyReconciler(World& world, kube::Client& client, kube::EventSender& events);

  Task<Result<runtime::Next>> reconcile(std::string key) override;

 private:
  using Pointer = kube::Store<model::JitPolicy>::Pointer;

  Task<Result<runtime::Next>> tend(Pointer policy);
  Task<Result<runtime::Next>> leave(Pointer policy);
  Task<Result<Done>> read_targets(Pointer policy);
  Task<Result<Done>> recall(Pointer policy, std::shared_ptr<const model::CloudAccount> account);
  bool stands_before(const std::vector<plan::TargetState>& targets,
                     const std::string& group_key) const;
  void mark_locking_groups(const model::JitPolicy& policy);
  void tell_drift(const model::JitPolicy& policy);
  bool is_being_read(const model::JitPolicy& policy) const;
  Task<Result<Done>> report(Pointer policy, model::PolicyStatus status);
  Task<void> look_for_grants(Pointer policy);
  bool is_grant_of(const model::AccessVerdict& verdict, const model::JitPolicy& policy) const;
  TimePoint end_of(const model::AccessVerdict& verdict) const;
  std::optional<std::string> why_not_leaving(const model::JitPolicy& policy);

  World& world_;
  kube::Client& client_;
  kube::EventSender& events_;
};

}  // namespace portcullis::controllers
