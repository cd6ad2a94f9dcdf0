#include "controllers/request_reconciler.hpp"

#include <algorithm>

#include "api/decode.hpp"
#include "base/log.hpp"
#include "controllers/authorization.hpp"
#include "controllers/grants.hpp"
#include "controllers/past_verdicts.hpp"
#include "controllers/request_judge.hpp"
#include "controllers/request_report.hpp"
#include "controllers/resources.hpp"
#include "controllers/retention.hpp"
#include "controllers/status_writer.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/words.hpp"

namespace portcullis::controllers {
namespace {

// What is undecided is looked at again no later than this, whatever woke it.
constexpr Duration look_again = std::chrono::seconds(30);
constexpr Duration look_unread_again = std::chrono::seconds(5);

}  // namespace

RequestReconciler::RequestReconciler(World& world, kube::Client& client, kube::EventSender& events,
                                     MayDecide may_decide)
    : world_(world),
      client_(client),
      events_(events),
      may_decide_(std::move(may_decide)),
      follower_(world, client, events) {}

Task<Result<runtime::Next>> RequestReconciler::reconcile(std::string key) {
  const Request request = world_.stores.requests.find(key);
  const std::set<std::string> verdict_keys = world_.verdict_index.about(key);
  const bool unreadable = world_.stores.requests.poisoned().contains(key);
  std::optional<Error> orphan_error;
  for (const std::string& verdict_key : verdict_keys) {
    const Verdict verdict = world_.stores.verdicts.find(verdict_key);
    if (!verdict || (request && request->meta.uid == verdict->request_uid && stays(*verdict))) {
      continue;
    }
    // What cannot be read is not gone.
    const auto tended = unreadable ? co_await watch_over(world_, client_, events_, verdict)
                                   : co_await tend_past_verdict(world_, client_, events_, verdict);
    // The living request of that name must not wait for it.
    if (!tended) orphan_error = tended.error();
  }
  if (!request) {
    if (orphan_error) co_return fail(*orphan_error);
    // That it went after all is told by no event.
    if (unreadable && !verdict_keys.empty()) {
      co_return runtime::Next{.at = world_.clock.now() + look_unread_again};
    }
    co_return runtime::Next{};
  }
  if (orphan_error) {
    log::warning("a past verdict could not be tended",
                 {{"key", key}, {"error", orphan_error->message}});
    world_.request_queue.add_at(key, world_.clock.now() + look_again);
  }
  const Verdict verdict = find_verdict(*request);
  if (verdict || request->meta.deleting) waited_for_policy_.erase(request->meta.uid);
  if (verdict) forget_sent(request->meta.uid);
  if (verdict) co_return co_await follower_.follow(request, verdict);
  co_return co_await decide(request);
}

/// Whether the verdict about a request that is there stays as it is: one that does not count may go
/// before its request.
bool RequestReconciler::stays(const model::AccessVerdict& verdict) const {
  return plan::counts(verdict, world_.operator_name) || !verdict.meta.deleting;
}

RequestReconciler::Verdict RequestReconciler::find_verdict(
    const model::AccessRequest& request) const {
  const Verdict verdict = world_.stores.verdicts.find(request.meta.ns + "/" + request.meta.uid);
  return verdict && plan::counts(*verdict, world_.operator_name) ? verdict : nullptr;
}

Task<Result<runtime::Next>> RequestReconciler::decide(Request request) {
  const bool withdrawn = request->meta.deleting || request->revoke;
  if (request->meta.deleting) {
    if (!request->meta.has_finalizer(model::finalizer)) co_return runtime::Next{};
    // A verdict that the cache does not show yet would lose the object that it is about.
    const auto exists = co_await has_verdict(request);
    if (!exists) co_return fail(exists.error());
    if (*exists) co_return runtime::Next{.at = world_.clock.now() + std::chrono::seconds(1)};
    const auto removed = co_await remove_finalizer(client_, requests, request->meta);
    if (!removed) co_return fail(removed.error());
    co_return runtime::Next{};
  }
  if (!may_decide_() && !withdrawn) {
    co_return runtime::Next{.at = world_.clock.now() + std::chrono::seconds(1)};
  }
  if (!request->meta.has_finalizer(model::finalizer)) {
    const auto added = co_await add_finalizer(client_, requests, request->meta);
    if (!added) co_return fail(added.error());
    co_return runtime::Next{};
  }
  if (const auto problem = problem_of_verdict(*request)) {
    co_return co_await wait_with_verdict(request, *problem);
  }
  const std::string& uid = request->meta.uid;
  const auto judged = judge_request(world_, *request, sent_, waited_for_policy_.contains(uid));
  if (!judged) co_return runtime::Next{.at = world_.clock.now() + std::chrono::seconds(1)};
  plan::Decision decision = judged->decision;
  if (decision.kind == plan::Decision::Kind::grant) {
    // Counted before the authorizer is asked: of two requests that race, the second sees the first.
    note_sent(make_verdict(*request, decision, judged->policy.get(), world_.operator_name,
                           world_.clock.now()));
    auto asked = co_await ask_authorizer(client_, request, decision);
    if (!asked || asked->kind != plan::Decision::Kind::grant) forget_sent(uid);
    if (!asked) co_return fail(asked.error());
    decision = std::move(*asked);
    // The answer took time; what was decided on must still be what there is.
    if (!may_decide_() || !still_stands(world_, *request, *judged)) {
      forget_sent(uid);
      co_return fail(Error::Kind::conflict, "something changed while the authorizer was asked");
    }
  }
  if (decision.kind != plan::Decision::Kind::wait) {
    const auto recorded = co_await record(request, decision);
    // Its watch event comes long before that.
    if (recorded) co_return runtime::Next{.at = world_.clock.now() + look_again};
    forget_sent(uid);
    co_await report_waiting(
        request, {.reason = plan::reason::verdict_failed,
                  .message = "the decision cannot be recorded: " + recorded.error().message});
    co_return fail(recorded.error());
  }
  if (judged->waits_for_policy) waited_for_policy_.insert(uid);
  const auto reported = co_await report_waiting(request, decision);
  if (!reported) co_return fail(reported.error());
  const TimePoint soon = world_.clock.now() + look_again;
  co_return runtime::Next{.at = std::min(decision.again_at.value_or(soon), soon)};
}

/// It counts for limits, and what its groups have to open waits a moment for it.
void RequestReconciler::note_sent(model::AccessVerdict verdict) {
  if (plan::starts_at(verdict) <= world_.clock.now()) {
    std::set<std::string> groups;
    for (const auto& target : verdict.targets) {
      for (const auto& id : world_.groups_before(target.resource_id)) {
        groups.insert(model::resource_key(id));
      }
    }
    world_.coming.expect(verdict.request_uid, groups, world_.clock.boot_now());
  }
  const std::string uid = verdict.request_uid;
  std::erase_if(sent_,
                [&](const auto& one) { return plan::ends_at(one.second) <= world_.clock.now(); });
  sent_.insert_or_assign(uid, std::move(verdict));
}

/// The store shows it, or it was not granted.
void RequestReconciler::forget_sent(const std::string& uid) {
  sent_.erase(uid);
  for (const auto& group : world_.coming.settle(uid)) world_.group_queue.add(group);
}

/// Why the verdict that is there cannot be obeyed; nothing else can be decided beside it.
std::optional<std::string> RequestReconciler::problem_of_verdict(
    const model::AccessRequest& request) const {
  const std::string key = request.meta.ns + "/" + request.meta.uid;
  if (const auto why = why_unreadable(world_.stores.verdicts, key); !why.empty()) {
    return "AccessVerdict \"" + request.meta.uid + "\" " + plan::not_understood(why);
  }
  if (world_.stores.verdicts.find(key) == nullptr) return std::nullopt;
  return "AccessVerdict \"" + request.meta.uid +
         "\" was not written by this operator for it, so it opens nothing, and nothing else can be "
         "decided: delete the request and apply it again";
}

/// Nothing can be decided beside the verdict that is there. The request is a record as long as that
/// one is.
Task<Result<runtime::Next>> RequestReconciler::wait_with_verdict(Request request,
                                                                 std::string problem) {
  const Verdict verdict = world_.stores.verdicts.find(request->meta.ns + "/" + request->meta.uid);
  const std::string& said = request->status.state;
  // What was said while it could be obeyed stands, unless another's word lets nobody in any more.
  const bool open_to_say = said.empty() || said == plan::state::pending;
  if (open_to_say || (verdict && !plan::is_final(said))) {
    const auto reported = co_await report_waiting(
        request, {.reason = plan::reason::verdict_failed, .message = std::move(problem)});
    if (!reported) co_return fail(reported.error());
  }
  if (verdict && world_.clock.now() >= kept_until(*verdict, verdict->ended)) {
    const auto retired = co_await retire(client_, request->meta);
    if (!retired) co_return fail(retired.error());
  }
  co_return runtime::Next{.at = world_.clock.now() + look_again};
}

Task<Result<Done>> RequestReconciler::record(Request request, plan::Decision decision) {
  const auto policy = world_.stores.policies.find(request->meta.ns + "/" + request->policy);
  const auto verdict =
      make_verdict(*request, decision, policy.get(), world_.operator_name, world_.clock.now());
  const auto created = co_await client_.create(verdicts, request->meta.ns, api::to_json(verdict));
  // One request, one verdict: somebody was faster, and theirs is obeyed when the watch shows it.
  if (!created && created.error().kind != Error::Kind::already_exists) {
    co_return fail(created.error());
  }
  co_return Done{};
}

Task<Result<bool>> RequestReconciler::has_verdict(Request request) {
  const auto found = co_await client_.get(verdicts, {request->meta.ns, request->meta.uid});
  if (found) {
    const auto verdict = api::parse_verdict(found->dump());
    // One that cannot be read may be a grant: the request stays until it can.
    if (!verdict) co_return fail(verdict.error());
    co_return plan::counts(*verdict, world_.operator_name);
  }
  if (found.error().kind == Error::Kind::not_found) co_return false;
  co_return fail(found.error());
}

Task<Result<Done>> RequestReconciler::report_waiting(Request request, plan::Decision why) {
  co_return co_await report_request(
      world_, client_, events_, request,
      plan::describe_request(*request, nullptr, std::nullopt, why, {}, world_.clock.now()));
}

}  // namespace portcullis::controllers
