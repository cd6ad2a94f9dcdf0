#include "controllers/request_reconciler.hpp"

#include <algorithm>

#include "api/decode.hpp"
#include "base/log.hpp"
#include "controllers/evidence.hpp"
#include "controllers/grants.hpp"
#include "controllers/resources.hpp"
#include "controllers/status_writer.hpp"
#include "controllers/target_judge.hpp"
#include "controllers/usage.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/scope.hpp"

namespace portcullis::controllers {
namespace {

// What is undecided is looked at again no later than this, whatever woke it.
constexpr Duration look_again = std::chrono::seconds(30);
constexpr Duration look_unread_again = std::chrono::seconds(5);

}  // namespace

RequestReconciler::RequestReconciler(World& world, kube::Client& client, kube::EventSender& events,
                                     MayDecide may_decide)
    : world_(world), client_(client), events_(events), may_decide_(std::move(may_decide)) {}

Task<Result<runtime::Next>> RequestReconciler::reconcile(std::string key) {
  const Request request = world_.stores.requests.find(key);
  const auto about = world_.verdicts_about.find(key);
  const std::set<std::string> verdict_keys =
      about == world_.verdicts_about.end() ? std::set<std::string>{} : about->second;
  const bool unreadable = world_.stores.requests.poisoned().contains(key);
  std::optional<Error> orphan_error;
  for (const std::string& verdict_key : verdict_keys) {
    const Verdict verdict = world_.stores.verdicts.find(verdict_key);
    if (!verdict || (request && request->meta.uid == verdict->request_uid)) continue;
    // What cannot be read is not gone.
    const auto tended = unreadable ? co_await watch_over(world_, client_, verdict)
                                   : co_await tend_past_verdict(world_, client_, verdict);
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
  if (verdict) sent_.erase(request->meta.uid);
  if (verdict) co_return co_await follow(request, verdict);
  co_return co_await decide(request);
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
    // What was said while it could be obeyed stands.
    if (request->status.state.empty() || request->status.state == plan::state::pending) {
      const auto reported = co_await report_waiting(
          request, {.reason = plan::reason::verdict_failed, .message = *problem});
      if (!reported) co_return fail(reported.error());
    }
    co_return runtime::Next{.at = world_.clock.now() + look_again};
  }
  const std::string policy_key = request->meta.ns + "/" + request->policy;
  const auto policy = world_.stores.policies.find(policy_key);
  const auto account = policy ? world_.stores.accounts.find(policy->account) : nullptr;
  const auto view = world_.policy_views.find(policy_key);
  plan::Case the_case{.request = *request,
                      .policy = policy.get(),
                      .account = account.get(),
                      .now = world_.clock.now()};
  if (policy) the_case.usage = usage_of(world_, sent_, *request, *policy);
  std::set<std::string> deniers;
  for (const auto& said : world_.said_about(request->meta.uid, request->policy)) {
    if (said->decision == "Deny") deniers.insert(said->author.username);
  }
  the_case.denied_by.assign(deniers.begin(), deniers.end());
  if (policy && view != world_.policy_views.end() && view->second.uid == policy->meta.uid &&
      view->second.generation == policy->meta.generation) {
    the_case.targets = view->second.targets;
    the_case.targets_current = view->second.listed && !view->second.targets.empty();
  }
  plan::Decision decision = plan::decide(the_case);
  if (const auto guarded = judge_guard(*request)) {
    // Only a refusal of the request's own making still stands without the guards.
    if (decision.kind != plan::Decision::Kind::refuse) {
      // At the start nobody has looked at them yet: nothing is known, so nothing is said.
      if (!world_.guard.holds && world_.guard.problem.empty()) {
        co_return runtime::Next{.at = world_.clock.now() + std::chrono::seconds(1)};
      }
      decision = *guarded;
    }
  }
  if (decision.kind == plan::Decision::Kind::grant) {
    std::vector<std::string> machines;
    for (const auto& target : decision.targets) machines.push_back(target.resource_id);
    if (const auto blocked = blocked_out_of_scope(world_, *account, *request, machines)) {
      decision = {.kind = plan::Decision::Kind::refuse,
                  .reason = plan::reason::out_of_scope,
                  .message = *blocked};
    }
  }
  if (decision.kind == plan::Decision::Kind::grant) {
    if (auto unknown = what_may_claim(world_)) {
      decision = {.kind = plan::Decision::Kind::wait,
                  .reason = plan::reason::policy_not_ready,
                  .message = std::move(*unknown)};
    }
  }
  if (decision.kind == plan::Decision::Kind::grant) {
    // Counted before the authorizer is asked: of two requests that race, the second sees the first.
    sent_[request->meta.uid] =
        make_verdict(*request, decision, policy.get(), world_.operator_name, world_.clock.now());
    auto asked = co_await ask_authorizer(request, decision);
    if (!asked || asked->kind != plan::Decision::Kind::grant) sent_.erase(request->meta.uid);
    if (!asked) co_return fail(asked.error());
    decision = std::move(*asked);
    // The answer took time; what was decided on must still be what there is.
    const auto now_policy = world_.stores.policies.find(policy_key);
    const auto now_request = world_.stores.requests.find(request->meta.key());
    const bool same = now_policy && policy && now_policy->meta.uid == policy->meta.uid &&
                      now_policy->meta.generation == policy->meta.generation && now_request &&
                      now_request->meta.uid == request->meta.uid &&
                      now_request->meta.generation == request->meta.generation;
    if (!same || !may_decide_() || !world_.guard.holds || what_may_claim(world_)) {
      sent_.erase(request->meta.uid);
      co_return fail(Error::Kind::conflict, "something changed while the authorizer was asked");
    }
  }
  if (decision.kind != plan::Decision::Kind::wait) {
    const auto recorded = co_await record(request, decision);
    // Its watch event comes long before that.
    if (recorded) co_return runtime::Next{.at = world_.clock.now() + look_again};
    sent_.erase(request->meta.uid);
    co_await report_waiting(
        request, {.reason = plan::reason::verdict_failed,
                  .message = "the decision cannot be recorded: " + recorded.error().message});
    co_return fail(recorded.error());
  }
  const auto reported = co_await report_waiting(request, decision);
  if (!reported) co_return fail(reported.error());
  const TimePoint soon = world_.clock.now() + look_again;
  co_return runtime::Next{.at = std::min(decision.again_at.value_or(soon), soon)};
}

/// Why the verdict that is there cannot be obeyed; nothing else can be decided beside it.
std::optional<std::string> RequestReconciler::problem_of_verdict(
    const model::AccessRequest& request) const {
  const std::string key = request.meta.ns + "/" + request.meta.uid;
  if (world_.stores.verdicts.poisoned().contains(key)) {
    return "AccessVerdict \"" + request.meta.uid + "\" cannot be read by this version";
  }
  if (world_.stores.verdicts.find(key) == nullptr) return std::nullopt;
  return "AccessVerdict \"" + request.meta.uid +
         "\" was not written by this operator for it; whoever may has to delete it";
}

/// What the state of the admission policies says about an undecided request; nothing: trust it.
std::optional<plan::Decision> RequestReconciler::judge_guard(
    const model::AccessRequest& request) const {
  if (!world_.guard.holds) {
    return plan::Decision{.kind = plan::Decision::Kind::wait,
                          .reason = plan::reason::guard_lost,
                          .message =
                              "waits until the admission policies are proven to be in "
                              "force: " +
                              world_.guard.problem};
  }
  if (request.meta.created < world_.guard.distrust_before) {
    return plan::Decision{.kind = plan::Decision::Kind::refuse,
                          .reason = plan::reason::guard_lost,
                          .message =
                              "the admission policies were not in force when it was made; "
                              "apply it again"};
  }
  return std::nullopt;
}

Task<Result<plan::Decision>> RequestReconciler::ask_authorizer(Request request,
                                                               plan::Decision decision) {
  const kube::UserInfo user{.username = request->requester.username,
                            .uid = request->requester.uid,
                            .groups = request->requester.groups,
                            .extra = request->requester.extra};
  const kube::AccessAttributes attributes{.group = api::group,
                                          .resource = policies.plural,
                                          .ns = request->meta.ns,
                                          .name = request->policy,
                                          .verb = "request"};
  const auto may = co_await client_.may(user, attributes);
  if (!may) {
    co_return plan::Decision{.kind = plan::Decision::Kind::wait,
                             .reason = plan::reason::authorization_unknown,
                             .message = "the authorizer did not answer: " + may.error().message};
  }
  if (*may) co_return decision;
  co_return plan::Decision{
      .kind = plan::Decision::Kind::refuse,
      .reason = plan::reason::not_authorized,
      .message = "user \"" + user.username + "\" may not request JitPolicy \"" + request->policy +
                 "\" (verb \"request\" on jitpolicies.portcullis.dev in namespace \"" +
                 request->meta.ns + "\")"};
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

Task<Result<runtime::Next>> RequestReconciler::follow(Request request, Verdict verdict) {
  const TimePoint now = world_.clock.now();
  std::optional<model::AccessVerdict::End> end;
  std::optional<TimePoint> ended_at;
  if (verdict->granted) {
    end = world_.early_end(*verdict);
    // What its time has ended already is not ended early by what happens later.
    if (end && end->at >= plan::ends_at(*verdict)) end.reset();
    if (!end && now < plan::ends_at(*verdict)) end = ends_by_finding(world_, *verdict);
    if (!end && verdict->start_at && now >= plan::starts_at(*verdict) &&
        now < plan::ends_at(*verdict) && !world_.cleared.contains(verdict->meta.uid)) {
      const auto asked = co_await ask_authorizer(
          request, {.kind = plan::Decision::Kind::grant, .reason = {}, .message = {}});
      if (!asked) co_return fail(asked.error());
      if (asked->kind == plan::Decision::Kind::refuse) {
        end = model::AccessVerdict::End{.at = now,
                                        .reason = asked->reason,
                                        .by = world_.operator_name,
                                        .message = asked->message};
      } else if (asked->kind == plan::Decision::Kind::grant) {
        world_.cleared.insert(verdict->meta.uid);
      }
    }
    if (end) {
      world_.remember_end(*verdict, *end);  // whether or not it can be written
      ended_at = end->at;
    }
    if (now >= plan::ends_at(*verdict)) {
      ended_at = std::min(ended_at.value_or(plan::ends_at(*verdict)), plan::ends_at(*verdict));
    }
    const bool over = verdict->ended || now >= plan::ends_at(*verdict);
    if (over && plan::is_final(request->status.state) && !request->meta.deleting &&
        !world_.proven_closed.contains(verdict->meta.uid)) {
      // Said to be closed before this process began. To read the ways of all that was ever granted
      // would cost a start thousands of calls; what is left of it every group's plan closes anyhow.
      // Only where more than words depends on it, the finalizer, it is proven anew.
      co_return runtime::Next{};
    }
    co_await read_ways(world_, verdict, ended_at);
    wake_groups_of(world_, *verdict, ended_at);
  }

  auto evidence = verdict->granted ? gather_evidence(world_, *verdict, ended_at) : plan::Evidence{};
  evidence.never_stood =
      world_.began <= plan::starts_at(*verdict) && !world_.stood.contains(verdict->meta.uid);
  // What was proven once is not taken back only because a new process has not looked yet.
  if (ended_at && evidence.closed) world_.proven_closed.insert(verdict->meta.uid);
  const bool final_before = ended_at && plan::is_final(request->status.state);
  // The rules of an open grant are named with it: so it is open when its groups' plans know it.
  const bool open = verdict->granted && !ended_at &&
                    (evidence.open || request->status.state == plan::state::active);
  if ((final_before && !evidence.closed && !evidence.judged) ||
      (open && !is_planned(world_, *verdict))) {
    co_return runtime::Next{.at = now + std::chrono::seconds(5)};
  }
  model::AccessRequest known = *request;
  const auto opened = world_.opened.find(verdict->meta.uid);
  // The status that said when it opened may not have been written.
  if (!known.status.opened_at && opened != world_.opened.end()) {
    known.status.opened_at = opened->second;
  }
  const auto status =
      plan::describe_request(known, verdict.get(), end, {}, evidence, world_.clock.now());
  if (status.opened_at) world_.opened.emplace(verdict->meta.uid, *status.opened_at);
  if (end && !verdict->ended) {
    const auto written = co_await end_early(world_, client_, verdict, *end);
    if (!written) co_return fail(written.error());
  }
  const auto reported = co_await report(request, status);
  if (!reported) co_return fail(reported.error());

  const bool final = plan::is_final(status.state);
  if (final && request->meta.deleting && request->meta.has_finalizer(model::finalizer)) {
    const auto removed = co_await remove_finalizer(client_, requests, request->meta);
    if (!removed) co_return fail(removed.error());
  }
  if (final) {
    world_.touched.erase(verdict->meta.uid);
    world_.cleared.erase(verdict->meta.uid);
    world_.opened.erase(verdict->meta.uid);
    co_return runtime::Next{};
  }
  TimePoint next = now + read_ways_every;
  if (now < plan::starts_at(*verdict)) next = std::min(next, plan::starts_at(*verdict));
  if (now < plan::ends_at(*verdict)) next = std::min(next, plan::ends_at(*verdict));
  if (ended_at || world_.awaits_clearance(*verdict)) next = now + std::chrono::seconds(5);
  const bool closes = ended_at || next == plan::ends_at(*verdict);
  using Urgency = runtime::Workqueue::Urgency;
  co_return runtime::Next{.at = next, .urgency = closes ? Urgency::closing : Urgency::normal};
}

Task<Result<Done>> RequestReconciler::report_waiting(Request request, plan::Decision why) {
  co_return co_await report(request, plan::describe_request(*request, nullptr, std::nullopt, why,
                                                            {}, world_.clock.now()));
}

Task<Result<Done>> RequestReconciler::report(Request request, model::RequestStatus status) {
  const auto json = api::to_json(status, request->meta, request->status, world_.clock.now());
  const auto written =
      co_await write_status(world_, client_, requests, request->meta, request->status, json);
  if (!written) co_return fail(written.error());
  const std::string before = request->status.state.empty() ? "New" : request->status.state;
  if (*written && before != status.state) {
    const auto ready = std::ranges::find(status.conditions, "Ready", &model::Condition::type);
    announce(events_, {.resource = requests,
                       .meta = request->meta,
                       .from = before,
                       .to = status.state,
                       .reason = ready == status.conditions.end() ? status.state : ready->reason,
                       .message = status.message,
                       .who = request->requester.username,
                       .warning = status.state == plan::state::denied ||
                                  status.state == plan::state::failed});
  }
  co_return Done{};
}

}  // namespace portcullis::controllers
