#include "controllers/group_writer.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.hpp"
#include "controllers/ambiguity.hpp"
#include "controllers/drifts.hpp"
#include "controllers/evidence_rules.hpp"
#include "controllers/grants.hpp"
#include "controllers/group_attempts.hpp"
#include "controllers/group_order.hpp"
#include "controllers/orphans.hpp"
#include "controllers/target_judge.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/rule_codec.hpp"
#include "plan/setbacks.hpp"

namespace portcullis::controllers {
namespace {

using Urgency = runtime::Workqueue::Urgency;

void log_write(const std::string& group, const plan::Change& change, const Result<Closing>& done) {
  log::write(done ? log::Level::info : log::Level::warning, done ? "rule written" : "rule failed",
             {{"group", group},
              {"rule", change.rule.name},
              {"change", change.kind == plan::Change::Kind::put ? "put" : "remove"},
              {"class", to_string(change.change_class)},
              {"priority", change.rule.priority},
              {"why", change.reason},
              {"error", done ? std::string("none") : done.error().message}});
}

Error lease_lost() { return {.kind = Error::Kind::cancelled, .message = "the lease is not ours"}; }

}  // namespace

GroupWriter::GroupWriter(World& world, kube::Client& client, MayWrite may_write)
    : world_(world), client_(client), may_write_(std::move(may_write)) {}

Task<GroupWriter::CarriedOut> GroupWriter::carry_out(cloud::Provider* provider, std::string key,
                                                     std::vector<plan::Change> changes) {
  const std::string id = world_.groups[key].id;
  std::optional<Error> failure;
  Reach reach = Reach::change;
  plan::Setbacks setbacks;
  Progress progress{.closings_planned = world_.groups[key].closing_marks};
  bool sent = false;
  world_.groups[key].openings_wait_for.reset();
  // As they are now, right after the plan was made: while one rule is written they may change.
  std::map<std::string, PolicyPointer> planned_by;
  for (const plan::Change& change : changes) {
    planned_by.emplace(change.owner, policy_of(change.owner));
  }
  for (const plan::Change& change : changes) {
    const bool closing = change.change_class == plan::ChangeClass::close;
    if (reach == Reach::pass || (reach == Reach::openings && !closing)) break;
    // What came up meanwhile (a revoke, a freeze), or is about to end, is planned anew and goes
    // first.
    if (gives_way(world_.groups[key], change, progress, world_.clock.now())) break;
    if (is_held(world_.groups[key], change, world_.clock.now()) || setbacks.hold_up(change)) {
      setbacks.add(change);
      continue;
    }
    if (await_readings(key, change)) {
      setbacks.add(change);
      continue;
    }
    if (!may_write_() && !is_past_its_end(change)) {
      if (!failure) failure = lease_lost();
      reach = Reach::openings;
      continue;
    }
    const auto leave = co_await may_let_in(id, change, planned_by[change.owner], [&] {
      return time_to_ask(world_.groups[key], change, progress, world_.clock.now(),
                         kube::call_deadline());
    });
    progress.awaited = true;
    if (gives_way_to_closing(world_.groups[key], change, progress, world_.clock.now())) break;
    Result<Closing> done = Closing{};
    if (!leave) done = fail(leave.error());
    if (leave) {
      forget_standing(world_.groups[key], change.rule.name);
      const cloud::Work work = work_of(world_.groups[key], change, world_.clock.now());
      const BootTime begin = world_.clock.boot_now();
      done = co_await apply(provider, id, change, work);
      note_write_time(world_.groups[key], world_.clock.boot_now() - begin);
      sent = sent || done || done.error().code != cloud::budget_used_up;
      progress.closing = progress.closing || closing;
      progress.others = progress.others || change.change_class >= plan::ChangeClass::open;
      ++world_.rules_written[{change.kind, change.change_class, done.has_value()}];
    }
    log_write(id, change, done);
    if (!done) setbacks.add(change);
    if (done && !done->left_inert) note_closed_orphan(world_, id, change);
    const Reach how_far = done ? Reach::change : reach_of(done.error());
    const bool cleanup = change.change_class == plan::ChangeClass::cleanup;
    const bool conflict = !done && done.error().kind == Error::Kind::conflict;
    if (done && done->left_inert) {
      world_.groups[key].left_inert.insert_or_assign(model::ascii_lower(change.rule.name),
                                                     *done->left_inert);
    }
    if (cleanup || (how_far == Reach::change && !conflict)) {
      note_attempt(world_.groups[key], change, done ? Result<Done>(Done{}) : fail(done.error()),
                   world_.clock.now());
    } else if (!failure || how_far > reach) {
      failure = done.error();
    }
    reach = std::max(reach, how_far);
  }
  // What was to be waited for may be due by now.
  const auto due = world_.groups[key].openings_wait_for;
  if (due && *due <= world_.clock.now()) world_.mark_group(id, Urgency::closing);
  co_return CarriedOut{.outcome = failure ? Result<Done>(fail(*failure)) : Result<Done>(Done{}),
                       .sent = sent};
}

Task<Result<Closing>> GroupWriter::apply(cloud::Provider* provider, std::string group,
                                         plan::Change change, cloud::Work work) {
  if (change.kind == plan::Change::Kind::put) {
    world_.stood.insert(change.grants.begin(), change.grants.end());
    const auto written = co_await provider->put_rule(group, change.rule, work);
    if (!written) co_return fail(written.error());
    co_return Closing{};
  }
  // The lease outlives one write, and it may take two. Who leaves under a lock of the cloud leaves
  // a rule that does nothing.
  const bool over = is_past_its_end(change);
  const bool unlocks = change.change_class == plan::ChangeClass::unlock;
  co_return co_await close_rule(
      provider, std::move(group), std::move(change.rule),
      [this, over] { return over || may_write_(); }, unlocks, work);
}

/// Whether it opens for a grant whose machines were not read lately. Its request reads them, and
/// wakes the group when that is done: a closing does not wait here for it.
bool GroupWriter::await_readings(const std::string& key, const plan::Change& change) {
  if (change.kind != plan::Change::Kind::put || change.change_class != plan::ChangeClass::open) {
    return false;
  }
  bool awaits = false;
  for (const std::string& uid : change.grants) {
    const auto verdict = world_.verdict_index.find(uid);
    // What is open already is read every minute; one that cannot be must not keep others waiting.
    if (!verdict || world_.opened.contains(uid) || may_open_by_readings(world_, *verdict)) continue;
    awaits = true;
    world_.groups[key].await_reading.insert(uid);
    world_.request_queue.add(verdict->meta.ns + "/" + verdict->request_name);
  }
  return awaits;
}

/// Why what it opens may be somebody else's address, too; nothing: it is not. The machines had
/// other addresses, maybe, when that was looked at for the request.
std::optional<Error> GroupWriter::find_others(const model::CloudAccount& account,
                                              const plan::Change& change) const {
  if (auto unknown = addresses_unknown(world_, account)) {
    return Error{.kind = Error::Kind::invalid, .message = std::move(*unknown), .code = not_listed};
  }
  std::set<std::string> machines;
  for (const std::string& uid : change.grants) {
    const auto verdict = world_.verdict_index.find(uid);
    if (!verdict) continue;
    machines.merge(machine_ids(verdict->targets));
  }
  auto twin =
      find_twin(world_, account, change.rule.source.prefixes, {machines.begin(), machines.end()});
  if (!twin) return std::nullopt;
  return Error{.kind = Error::Kind::invalid,
               .message = std::move(*twin),
               .code = plan::reason::ambiguous_address};
}

/// Asked right before packets are let in: by a grant, by an exception, or where a lock goes. All
/// else needs no leave.
Task<Result<Done>> GroupWriter::may_let_in(std::string group, plan::Change change,
                                           PolicyPointer planned_by, TimeToAsk time) {
  if (change.change_class == plan::ChangeClass::open) {
    if (change.kind == plan::Change::Kind::put) {
      co_return co_await may_open(group, change, std::move(time));
    }
    co_return Done{};
  }
  const bool keeps = change.change_class == plan::ChangeClass::keep;
  if (!keeps && change.change_class != plan::ChangeClass::unlock) co_return Done{};
  const auto stands = co_await policy_still_stands(client_, std::move(planned_by), std::move(time));
  if (!stands) co_return fail(stands.error());
  if (!*stands) co_return fail(Error::Kind::conflict, "its policy has changed meanwhile");
  const auto* account = world_.account_of(group);
  if (account == nullptr) co_return fail(Error::Kind::conflict, "its account is gone");
  if (auto unread = what_may_claim_in(world_, account->subscription); keeps && unread) {
    co_return fail(Error::Kind::conflict, std::move(*unread));
  }
  if (!may_write_()) co_return fail(lease_lost());
  co_return Done{};
}

Task<Result<Done>> GroupWriter::may_open(std::string group, plan::Change change, TimeToAsk time) {
  const auto stand = co_await grants_still_stand(world_, client_, change.grants, std::move(time));
  if (!stand) co_return fail(stand.error());
  if (!*stand) co_return fail(Error::Kind::conflict, "a grant ended before its rule was written");
  // Asking took time: the lease has to outlive the write that begins now.
  if (!may_write_()) co_return fail(lease_lost());
  const auto* account = world_.account_of(group);
  if (account == nullptr) co_return fail(Error::Kind::conflict, "its account is gone");
  if (const auto& clocks = world_.clocks.look(*account); clocks.stops_openings) {
    co_return fail(Error::Kind::conflict, clocks.problem);
  }
  if (!goes_to_their_machines(change)) {
    co_return fail(Error::Kind::conflict, "a machine has another address than when it was planned");
  }
  if (auto others = find_others(*account, change)) co_return fail(std::move(*others));
  co_return Done{};
}

GroupWriter::PolicyPointer GroupWriter::policy_of(const std::string& owner) const {
  const auto& keys = world_.policy_index.of_owner(owner);
  return keys.empty() ? nullptr : world_.stores.policies.find(*keys.begin());
}

/// Whether all that it opens is, by the last readings, of the machines of each of its grants.
bool GroupWriter::goes_to_their_machines(const plan::Change& change) const {
  const auto opened = model::PrefixSet::of(change.rule.destination.prefixes);
  return std::ranges::all_of(change.grants, [&](const std::string& uid) {
    const auto verdict = world_.verdict_index.find(uid);
    const auto theirs = verdict ? addresses_of(world_, *verdict) : std::nullopt;
    return theirs && theirs->contains(opened);
  });
}

/// Whether it removes a rule whose own mark says that it is over. No replica wants that back, so it
/// goes whoever leads; with the API server away, nobody does.
bool GroupWriter::is_past_its_end(const plan::Change& change) const {
  if (change.kind != plan::Change::Kind::remove) return false;
  const auto mark = plan::read_mark(change.rule, world_.instance);
  const auto* own = std::get_if<plan::OwnMark>(&mark);
  return own != nullptr && own->kind == plan::RuleKind::open && own->expired(world_.clock.now());
}

}  // namespace portcullis::controllers
