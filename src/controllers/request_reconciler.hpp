#pragma once

#include <map>
#include <string>

#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "kube/events.hpp"
#include "plan/decision.hpp"
#include "plan/request_status.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// Decides requests, records the decision as a verdict, ends grants early where what they stand on
/// changed, and reports. Writes nothing to the cloud: it marks groups.
class RequestReconciler final : public runtime::Reconciler {
 public:
  /// Whether decisions may be made now (we are the leader and the guards hold).
  using MayDecide = std::function<bool()>;

  RequestReconciler(World& world, kube::Client& client, kube::EventSender& events,
                    MayDecide may_decide);

  /// `key` is a request's; the verdicts about requests of that name, past ones too, are tended with
  /// it.
  Task<Result<runtime::Next>> reconcile(std::string key) override;

 private:
  using Request = kube::Store<model::AccessRequest>::Pointer;
  using Verdict = kube::Store<model::AccessVerdict>::Pointer;

  Task<Result<runtime::Next>> decide(Request request);
  std::optional<std::string> problem_of_verdict(const model::AccessRequest& request) const;
  std::optional<plan::Decision> judge_guard(const model::AccessRequest& request) const;
  Task<Result<plan::Decision>> ask_authorizer(Request request, plan::Decision decision);
  Task<Result<Done>> record(Request request, plan::Decision decision);
  Task<Result<runtime::Next>> follow(Request request, Verdict verdict);
  Task<Result<Done>> report_waiting(Request request, plan::Decision why);
  Task<Result<Done>> report(Request request, model::RequestStatus status);
  Task<Result<bool>> has_verdict(Request request);
  Verdict find_verdict(const model::AccessRequest& request) const;

  World& world_;
  kube::Client& client_;
  kube::EventSender& events_;
  MayDecide may_decide_;
  /// Grants that were sent but that the store does not show yet, by request uid: they count for
  /// limits.
  std::map<std::string, model::AccessVerdict> sent_;
};

}  // namespace portcullis::controllers
