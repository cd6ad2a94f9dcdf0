#pragma once

#include <set>
#include <string>

#include "controllers/grant_follower.hpp"
#include "controllers/usage.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "kube/events.hpp"
#include "plan/decision.hpp"
#include "plan/request_status.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// Decides requests and records the decision as a verdict; what was decided, the follower follows.
/// Writes nothing to the cloud.
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
  Task<Result<runtime::Next>> wait_with_verdict(Request request, std::string problem);
  std::optional<std::string> problem_of_verdict(const model::AccessRequest& request) const;
  void note_sent(model::AccessVerdict verdict);
  void forget_sent(const std::string& uid);
  Task<Result<Done>> record(Request request, plan::Decision decision);
  Task<Result<Done>> report_waiting(Request request, plan::Decision why);
  Task<Result<bool>> has_verdict(Request request);
  Verdict find_verdict(const model::AccessRequest& request) const;
  bool stays(const model::AccessVerdict& verdict) const;

  World& world_;
  kube::Client& client_;
  kube::EventSender& events_;
  MayDecide may_decide_;
  GrantFollower follower_;
  SentVerdicts sent_;                        ///< they count for limits
  std::set<std::string> waited_for_policy_;  ///< uids of undecided requests that did
};

}  // namespace portcullis::controllers
