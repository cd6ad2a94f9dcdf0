#pragma once

#include <string>

#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "kube/events.hpp"
#include "model/status.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// Proves that an account's credential works, lists the groups in its scope so that every rule of
/// ours is known, and lets the account go only when no policy refers to it and no rule of ours is
/// left.
class AccountReconciler final : public runtime::Reconciler {
 public:
  AccountReconciler(World& world, kube::Client& client, kube::EventSender& events);

  Task<Result<runtime::Next>> reconcile(std::string key) override;

 private:
  using Pointer = kube::Store<model::CloudAccount>::Pointer;

  Task<Result<Done>> list_groups(Pointer account, cloud::Provider* provider);
  void note_listed(const model::CloudAccount& account,
                   const std::vector<cloud::ListedGroup>& groups);
  Task<Result<Done>> report(Pointer account, bool ready, std::string reason, std::string message);
  void tell_closed_orphans(const model::CloudAccount& account);
  std::string what_is_left(const model::CloudAccount& account) const;

  World& world_;
  kube::Client& client_;
  kube::EventSender& events_;
};

}  // namespace portcullis::controllers
