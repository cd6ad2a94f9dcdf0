#pragma once

#include <string>

#include "controllers/policy_leaving.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "kube/events.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// Reads a policy's machines, has their groups locked by marking them, and reports per machine what
/// the evaluator proves about the groups as last read. Writes nothing to the cloud itself.
class PolicyReconciler final : public runtime::Reconciler {
 public:
  PolicyReconciler(World& world, kube::Client& client, kube::EventSender& events);

  Task<Result<runtime::Next>> reconcile(std::string key) override;

 private:
  using Pointer = PolicyPointer;

  Task<Result<runtime::Next>> tend(Pointer policy);
  void tell_drift(const model::JitPolicy& policy);
  bool is_being_read(const model::JitPolicy& policy) const;

  World& world_;
  kube::Client& client_;
  kube::EventSender& events_;
  PolicyLeaving leaving_;
};

}  // namespace portcullis::controllers
