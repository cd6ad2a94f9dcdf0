#include "controllers/past_verdicts.hpp"

#include <algorithm>

#include "controllers/evidence.hpp"
#include "controllers/resources.hpp"
#include "controllers/retention.hpp"
#include "controllers/status_writer.hpp"
#include "controllers/usage.hpp"
#include "plan/verdict_status.hpp"

namespace portcullis::controllers {
namespace {

constexpr Duration look_again = std::chrono::seconds(5);

/// When and why it is over; nothing while it is not.
std::optional<Over> find_over(World& world, const model::AccessVerdict& verdict) {
  const auto end = world.early_end(verdict);
  if (end) world.remember_end(verdict, *end);
  const TimePoint by_time = plan::ends_at(verdict);
  if (end && end->at < by_time) return Over{.at = end->at, .early = end};
  if (world.clock.now() >= by_time) return Over{.at = by_time};
  return std::nullopt;
}

/// What its time has ended already is not written down as ended early.
std::optional<model::AccessVerdict::End> end_to_write(const World& world,
                                                      const model::AccessVerdict& verdict,
                                                      const std::optional<Over>& over) {
  // Another installation's is not ours to write into.
  if (!over || !plan::counts(verdict, world.operator_name)) return std::nullopt;
  return world.clock.now() < plan::ends_at(verdict) ? over->early : std::nullopt;
}

/// Has the grant closed, and says so where it is late; whether it is proven closed.
Task<Result<bool>> close_and_tell(World& world, kube::Client& client, kube::EventSender& events,
                                  VerdictPointer verdict, Over over, bool has_to_go) {
  const auto written =
      co_await tend_ways(world, client, verdict, end_to_write(world, *verdict, over), over.at);
  if (!written) co_return fail(written.error());
  const auto evidence = gather_evidence(world, *verdict, over.at);
  if (!evidence.closed) {
    await_groups(world, *verdict, evidence, over.at);
    world.request_queue.add_at(verdict->meta.ns + "/" + verdict->request_name,
                               world.clock.now() + look_again);
  } else if (world.clock.now() >= over.at) {
    world.proven_closed.insert(verdict->meta.uid);
  }
  // One that goes now needs no last word.
  if (evidence.closed && verdict->meta.deleting) co_return true;
  const auto told = co_await tell_end(world, client, events, verdict, over, evidence, has_to_go);
  if (!told) co_return fail(told.error());
  co_return evidence.closed;
}

}  // namespace

Task<Result<Done>> tell_end(World& world, kube::Client& client, kube::EventSender& events,
                            VerdictPointer verdict, Over over, plan::Evidence evidence,
                            bool has_to_go) {
  const TimePoint now = world.clock.now();
  const bool said = plan::says_overdue(*verdict);
  // What is merely about to be looked at changes no word.
  if (!evidence.closed && !evidence.judged && !evidence.hindered) co_return Done{};
  const auto status = plan::describe_verdict(*verdict, over.early, evidence, over.at, now);
  const model::Condition& overdue = status.conditions.front();
  const bool late = overdue.status == model::Truth::yes;
  if (!said && !(late && (has_to_go || over.at >= world.began))) co_return Done{};
  const auto json = api::to_json(status, verdict->meta, verdict->status, now);
  const auto written =
      co_await write_status(world, client, verdicts, verdict->meta, verdict->status, json);
  if (!written) co_return fail(written.error());
  if (!*written || said == late) co_return Done{};
  announce(events, {.resource = verdicts,
                    .meta = verdict->meta,
                    .from = said ? "Overdue=True" : "Overdue=False",
                    .to = late ? "Overdue=True" : "Overdue=False",
                    .reason = overdue.reason,
                    .message = overdue.message,
                    .who = verdict->requester,
                    .warning = late});
  co_return Done{};
}

Task<Result<Done>> watch_over(World& world, kube::Client& client, kube::EventSender& events,
                              VerdictPointer verdict) {
  if (!verdict->granted || !plan::counts(*verdict, world.operator_name)) co_return Done{};
  const auto over = find_over(world, *verdict);
  if (!over) co_return co_await tend_ways(world, client, verdict, std::nullopt, std::nullopt);
  const auto closed = co_await close_and_tell(world, client, events, verdict, *over, false);
  if (!closed) co_return fail(closed.error());
  co_return Done{};
}

Task<Result<Done>> tend_past_verdict(World& world, kube::Client& client, kube::EventSender& events,
                                     VerdictPointer verdict) {
  const TimePoint now = world.clock.now();
  const auto over = verdict->granted ? find_over(world, *verdict) : std::nullopt;
  TimePoint until = kept_until(*verdict, over ? over->early : std::nullopt);
  const bool has_to_go = verdict->meta.deleting || now >= until;
  if (verdict->granted) {
    const Over its_end = over.value_or(Over{.at = plan::ends_at(*verdict)});
    const auto closed = co_await close_and_tell(world, client, events, verdict, its_end, has_to_go);
    if (!closed) co_return fail(closed.error());
    if (!*closed) co_return Done{};
  }
  // What a limit counts is no less because its record need not be kept for so long.
  if (const auto counted = counted_until(world, *verdict)) until = std::max(until, *counted);
  if (!verdict->meta.deleting && now < until) {
    world.request_queue.add_at(verdict->meta.ns + "/" + verdict->request_name, until);
    co_return Done{};
  }
  if (!verdict->meta.deleting) {
    const auto removed = co_await client.remove(verdicts, {verdict->meta.ns, verdict->meta.name},
                                                {.uid = verdict->meta.uid, .resource_version = {}});
    if (!removed && removed.error().kind != Error::Kind::not_found) {
      co_return fail(removed.error());
    }
    co_return Done{};
  }
  if (verdict->meta.has_finalizer(model::finalizer)) {
    co_return co_await remove_finalizer(client, verdicts, verdict->meta);
  }
  co_return Done{};
}

}  // namespace portcullis::controllers
