#include "controllers/grant_follower.hpp"

#include <algorithm>

#include "controllers/ambiguity.hpp"
#include "controllers/drifts.hpp"
#include "controllers/evidence.hpp"
#include "controllers/past_verdicts.hpp"
#include "controllers/request_report.hpp"
#include "controllers/resources.hpp"
#include "controllers/retention.hpp"
#include "controllers/status_writer.hpp"
#include "controllers/usage.hpp"
#include "model/condition_types.hpp"
#include "plan/reasons.hpp"
#include "plan/request_status.hpp"
#include "plan/verdict_status.hpp"

namespace portcullis::controllers {
namespace {

constexpr Duration look_soon = std::chrono::seconds(5);
// One that a GitOps tool tracks stays; the mark may go one day.
constexpr Duration look_for_marks_again = std::chrono::hours(6);

/// Whether its status says so: then it is looked at until it says otherwise, though it is final.
bool is_cleanup_blocked(const model::AccessRequest& request) {
  return std::ranges::any_of(request.status.changes, [](const auto& condition) {
    return condition.type == model::condition_type::cleanup_blocked &&
           condition.status == model::Truth::yes;
  });
}

}  // namespace

GrantFollower::GrantFollower(World& world, kube::Client& client, kube::EventSender& events)
    : world_(world), client_(client), events_(events) {}

/// Why it ended or ends before its time, or nothing.
Task<Result<GrantFollower::End>> GrantFollower::find_end(RequestPointer request,
                                                         VerdictPointer verdict) {
  const TimePoint now = world_.clock.now();
  if (now < plan::ends_at(*verdict)) ends_by_limits(world_, *verdict);
  End end = world_.early_end(*verdict);
  // What its time has ended already is not ended early by what happens later.
  if (end && end->at >= plan::ends_at(*verdict)) end.reset();
  if (!end && now < plan::ends_at(*verdict)) end = ends_by_finding(world_, *verdict);
  if (!end && verdict->start_at && now >= plan::starts_at(*verdict) &&
      now < plan::ends_at(*verdict) && !world_.cleared.contains(verdict->meta.uid)) {
    auto cleared = co_await clear_start(request, verdict);
    if (!cleared) co_return fail(cleared.error());
    end = std::move(*cleared);
  }
  if (end) world_.remember_end(*verdict, *end);  // whether or not it can be written
  co_return end;
}

/// The time of a scheduled grant has come: its requester is asked about once more.
Task<Result<GrantFollower::End>> GrantFollower::clear_start(RequestPointer request,
                                                            VerdictPointer verdict) {
  const auto* account =
      verdict->targets.empty() ? nullptr : world_.account_of(verdict->targets->front().resource_id);
  if (account != nullptr) {
    if (auto unknown = addresses_unknown(world_, *account)) {
      co_return fail(Error::Kind::unavailable, std::move(*unknown));
    }
    std::vector<std::string> machines;
    for (const auto& target : verdict->targets) machines.push_back(target.resource_id);
    if (auto twin = find_twin(world_, *account, verdict->sources, machines)) {
      co_return End({.at = world_.clock.now(),
                     .reason = plan::reason::ambiguous_address,
                     .by = world_.operator_name,
                     .message = std::move(*twin)});
    }
  }
  const auto asked = co_await ask_authorizer(
      client_, request, {.kind = plan::Decision::Kind::grant, .reason = {}, .message = {}});
  if (!asked) co_return fail(asked.error());
  if (asked->kind == plan::Decision::Kind::refuse) {
    co_return End({.at = world_.clock.now(),
                   .reason = asked->reason,
                   .by = world_.operator_name,
                   .message = asked->message});
  }
  if (asked->kind == plan::Decision::Kind::grant) world_.cleared.insert(verdict->meta.uid);
  co_return std::nullopt;
}

Task<Result<runtime::Next>> GrantFollower::follow(RequestPointer request, VerdictPointer verdict) {
  const TimePoint now = world_.clock.now();
  End end;
  std::optional<TimePoint> ended_at;
  Result<Done> recorded = Done{};
  if (verdict->granted) {
    auto found = co_await find_end(request, verdict);
    if (!found) co_return fail(found.error());
    end = std::move(*found);
    if (end) ended_at = end->at;
    if (now >= plan::ends_at(*verdict)) {
      ended_at = std::min(ended_at.value_or(plan::ends_at(*verdict)), plan::ends_at(*verdict));
    }
    const bool over = verdict->ended || now >= plan::ends_at(*verdict);
    if (over && plan::is_final(request->status.state) && !request->meta.deleting &&
        !is_cleanup_blocked(*request) && !world_.proven_closed.contains(verdict->meta.uid)) {
      // Said to be closed before this process began. To read the ways of all that was ever granted
      // would cost a start thousands of calls; what is left of it every group's plan closes anyhow.
      // Only where more than words depends on it, the finalizer, it is proven anew.
      co_return co_await keep(request, verdict, end);
    }
    recorded = co_await tend_ways(world_, client_, verdict, end, ended_at);
  }

  auto evidence = verdict->granted ? gather_evidence(world_, *verdict, ended_at) : plan::Evidence{};
  if (ended_at && evidence.closed) evidence.left = find_left_rule(world_, *verdict);
  if (ended_at) await_groups(world_, *verdict, evidence, *ended_at);
  evidence.drift = drift_of(world_, *verdict);
  evidence.never_stood =
      world_.began <= plan::starts_at(*verdict) && !world_.stood.contains(verdict->meta.uid);
  // What was proven once is not taken back only because a new process has not looked yet.
  if (ended_at && evidence.closed && world_.proven_closed.insert(verdict->meta.uid).second && end &&
      end->reason == plan::reason::suspended) {
    // It tells how many of those that it ended are closed.
    world_.policy_queue.add(verdict->meta.ns + "/" + verdict->policy_name);
  }
  const bool final_before = ended_at && plan::is_final(request->status.state);
  // The rules of an open grant are named with it: so it is open when its groups' plans know it.
  const bool open = verdict->granted && !ended_at &&
                    (evidence.open || request->status.state == plan::state::active);
  // Whoever deletes it waits for us, and has to be told for what.
  const bool has_to_tell = request->meta.deleting && evidence.hindered;
  if ((final_before && !evidence.closed && !evidence.judged && !has_to_tell) ||
      (open && !is_planned(world_, *verdict))) {
    co_return runtime::Next{.at = now + look_soon};
  }
  model::AccessRequest known = *request;
  const auto opened = world_.opened.find(verdict->meta.uid);
  // The status that said when it opened may not have been written.
  if (!known.status.opened_at && opened != world_.opened.end()) {
    known.status.opened_at = opened->second;
  }
  const auto status =
      plan::describe_request(known, verdict.get(), end, {}, evidence, world_.clock.now());
  // What a status says is no proof: by this a rule may be written again without another reading.
  if (!ended_at && evidence.open) world_.opened.emplace(verdict->meta.uid, *status.opened_at);
  if (!recorded) co_return fail(recorded.error());
  const auto reported = co_await report_request(world_, client_, events_, request, status);
  if (!reported) co_return fail(reported.error());
  // What the verdict had to say while the request could not be read.
  if (ended_at && evidence.closed && plan::says_overdue(*verdict)) {
    const auto told = co_await tell_end(world_, client_, events_, verdict,
                                        {.at = *ended_at, .early = end}, evidence, false);
    if (!told) co_return fail(told.error());
  }
  if (!plan::is_final(status.state)) co_return next_look(*verdict, ended_at.has_value());

  if (request->meta.deleting && request->meta.has_finalizer(model::finalizer)) {
    const auto removed = co_await remove_finalizer(client_, requests, request->meta);
    if (!removed) co_return fail(removed.error());
  }
  world_.touched.erase(verdict->meta.uid);
  world_.cleared.erase(verdict->meta.uid);
  world_.opened.erase(verdict->meta.uid);
  co_return co_await keep(request, verdict, end);
}

/// What is final stays as the record for its time, and then goes.
Task<Result<runtime::Next>> GrantFollower::keep(RequestPointer request, VerdictPointer verdict,
                                                End end) {
  if (request->meta.deleting) co_return runtime::Next{};
  const TimePoint until = kept_until(*verdict, end);
  if (world_.clock.now() < until) co_return runtime::Next{.at = until};
  const auto retired = co_await retire(client_, request->meta);
  if (!retired) co_return fail(retired.error());
  co_return runtime::Next{.at = world_.clock.now() + look_for_marks_again};
}

runtime::Next GrantFollower::next_look(const model::AccessVerdict& verdict, bool over) const {
  const TimePoint now = world_.clock.now();
  TimePoint next = now + read_ways_every;
  if (now < plan::starts_at(verdict)) next = std::min(next, plan::starts_at(verdict));
  if (now < plan::ends_at(verdict)) next = std::min(next, plan::ends_at(verdict));
  if (over || world_.awaits_clearance(verdict)) next = now + look_soon;
  const bool closes = over || next == plan::ends_at(verdict);
  using Urgency = runtime::Workqueue::Urgency;
  return {.at = next, .urgency = closes ? Urgency::closing : Urgency::normal};
}

}  // namespace portcullis::controllers
