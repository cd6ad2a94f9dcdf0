#include "controllers/grants.hpp"

#include <algorithm>

#include "cloud/gather.hpp"
#include "controllers/evidence.hpp"
#include "controllers/resources.hpp"
#include "controllers/status_writer.hpp"
#include "controllers/target_judge.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"

namespace portcullis::controllers {

model::AccessVerdict make_verdict(const model::AccessRequest& request,
                                  const plan::Decision& decision, const model::JitPolicy* policy,
                                  const std::string& by, TimePoint now) {
  model::AccessVerdict verdict;
  verdict.meta.ns = request.meta.ns;
  verdict.meta.name = request.meta.uid;
  verdict.by = by;
  verdict.granted = decision.kind == plan::Decision::Kind::grant;
  verdict.reason = decision.reason;
  verdict.message = decision.message;
  verdict.request_name = request.meta.name;
  verdict.request_uid = request.meta.uid;
  verdict.requester = request.requester->username;
  if (policy != nullptr) {
    verdict.policy_name = policy->meta.name;
    verdict.policy_uid = policy->meta.uid;
    verdict.policy_generation = policy->meta.generation;
    verdict.retain_for = policy->retain_for;
  }
  verdict.targets = decision.targets;
  verdict.ports = request.ports;
  verdict.sources = request.sources;
  verdict.duration = request.duration;
  verdict.start_at = request.start_at;
  verdict.meta.created = now;
  return verdict;
}

namespace {

/// The first NSG with a rule for the grant that its account may not write any more; null if none.
const GroupView* group_out_of_scope(const World& world, const model::AccessVerdict& verdict) {
  for (const auto& key : world.touched.groups_of(verdict.meta.uid)) {
    const auto found = world.groups.find(key);
    if (found == world.groups.end() || !found->second.group) continue;
    const GroupView& view = found->second;
    const auto id = model::parse_resource_id(view.id);
    const auto* account = world.account_of(view.id);
    if (account == nullptr || !id || model::may_write(*account, id->resource_group)) continue;
    const bool stands = std::ranges::any_of(view.plan.wanted, [&](const auto& wanted) {
      return std::ranges::find(wanted.grants, verdict.meta.uid) != wanted.grants.end() &&
             std::ranges::any_of(view.group->rules, [&](const auto& rule) {
               return model::ascii_lower(rule.name) == model::ascii_lower(wanted.rule.name);
             });
    });
    if (stands) return &view;
  }
  return nullptr;
}

}  // namespace

std::optional<model::AccessVerdict::End> ends_by_finding(const World& world,
                                                         const model::AccessVerdict& verdict) {
  const auto end = [&](const char* why, std::string message) {
    return model::AccessVerdict::End{.at = world.clock.now(),
                                     .reason = why,
                                     .by = world.operator_name,
                                     .message = std::move(message)};
  };
  const bool replaced = std::ranges::any_of(verdict.targets, [&](const auto& target) {
    const auto view = world.machines.find(model::resource_key(target.resource_id));
    return view != world.machines.end() &&
           (view->second.gone ||
            (view->second.machine && view->second.machine->vm_id != target.vm_id));
  });
  if (replaced) {
    return end(plan::reason::target_changed, "a machine is gone, or another one than was granted");
  }
  if (const auto* outside = group_out_of_scope(world, verdict)) {
    return end(plan::reason::out_of_scope,
               "NSG \"" + model::short_name(outside->id) +
                   "\" may not be written any more (spec.networkResourceGroups of the account)");
  }
  if (const auto* older = older_claim(world, verdict)) {
    return end(plan::reason::conflict, "JitPolicy \"" + older->meta.key() +
                                           "\" is older and has one of its machines and ports: "
                                           "it decides");
  }
  return std::nullopt;
}

namespace {

/// Machines to be read for grants, by account.
using MachinesToRead = std::map<std::string, std::set<std::string>>;

void add_ways(const World& world, const model::AccessVerdict& verdict, bool over,
              MachinesToRead& machines) {
  if (world.clock.now() < plan::starts_at(verdict)) return;
  for (const auto& target : verdict.targets) {
    const auto* account = world.account_of(target.resource_id);
    if (account == nullptr) continue;
    const auto known = world.machines.find(model::resource_key(target.resource_id));
    const bool settled =
        known != world.machines.end() && (known->second.machine || known->second.gone);
    // What is over needs the ways only once: to know where to look.
    if (!over || !settled) machines[account->meta.name].insert(target.resource_id);
  }
}

/// A failed reading leaves the last one: what is open stays judged by it until its end.
Task<void> read_machines(World& world, MachinesToRead machines) {
  for (const auto& [account, ids] : machines) {
    const std::vector<std::string> list(ids.begin(), ids.end());
    co_await world.refresh_machines(account, list, read_ways_every);
  }
}

}  // namespace

Task<void> read_ways(World& world, VerdictPointer verdict, std::optional<TimePoint> ended_at) {
  // What is to be closed, as far as its ways are known, waits for no reading.
  if (ended_at) wake_groups_of(world, *verdict, ended_at);
  MachinesToRead machines;
  add_ways(world, *verdict, ended_at.has_value(), machines);
  co_await read_machines(world, std::move(machines));
}

Task<void> read_ways(World& world, std::vector<VerdictPointer> over) {
  MachinesToRead machines;
  for (const auto& verdict : over) add_ways(world, *verdict, true, machines);
  co_await read_machines(world, std::move(machines));
}

bool is_planned(const World& world, const model::AccessVerdict& verdict) {
  return std::ranges::all_of(verdict.targets, [&](const auto& target) {
    const auto machine = world.machines.find(model::resource_key(target.resource_id));
    if (machine == world.machines.end()) return false;
    if (machine->second.error) return true;  // it was tried: what is known has to be said
    const auto ids = world.groups_before(target.resource_id);
    return std::ranges::all_of(ids, [&](const std::string& id) {
      const auto view = world.groups.find(model::resource_key(id));
      if (view == world.groups.end() || !view->second.passed) return false;
      return view->second.gone || view->second.error ||
             view->second.considered.contains(verdict.meta.uid);
    });
  });
}

bool may_open_by_reading(const World& world, const std::string& machine_id) {
  return world.is_known(machine_id, reading_opens_for);
}

bool may_open_by_readings(const World& world, const model::AccessVerdict& verdict) {
  return std::ranges::all_of(verdict.targets, [&](const auto& target) {
    return may_open_by_reading(world, target.resource_id);
  });
}

void wake_groups_of(World& world, const model::AccessVerdict& verdict,
                    std::optional<TimePoint> ended_at) {
  using Urgency = runtime::Workqueue::Urgency;
  if (ended_at) {
    for (const auto& id : groups_to_read(world, verdict, *ended_at)) {
      world.wake_group(id, verdict, Urgency::closing);
    }
    return;
  }
  // Until its machines are read there is nothing to write; whoever reads them comes here again.
  if (world.clock.now() < plan::starts_at(verdict) || !may_open_by_readings(world, verdict)) return;
  for (const auto& target : verdict.targets) {
    for (const auto& id : world.groups_before(target.resource_id)) {
      GroupView& view = world.groups[model::resource_key(id)];
      const bool planned = view.passed && view.considered.contains(verdict.meta.uid);
      const bool awaited = view.await_reading.erase(verdict.meta.uid) > 0;
      if (!planned || awaited) world.wake_group(id, verdict, Urgency::normal);
    }
  }
}

void await_groups(World& world, const model::AccessVerdict& verdict, const plan::Evidence& evidence,
                  TimePoint ended_at) {
  constexpr Duration first_look = std::chrono::seconds(2);
  constexpr Duration last_look = std::chrono::seconds(15);
  const std::string request = verdict.meta.ns + "/" + verdict.request_name;
  if (evidence.left) world.awaited[model::resource_key(evidence.left->group)].insert(request);
  if (evidence.waits_for.empty()) return;
  const std::string key = model::resource_key(evidence.waits_for);
  world.awaited[key].insert(request);
  // Half as long again as it has waited: a rule that somebody has to mend may stay for days.
  const Duration waited = world.clock.now() - ended_at;
  const Duration wait = std::clamp<Duration>(waited / 2, first_look, last_look);
  world.group_queue.add_at(key, world.groups[key].read_at + wait,
                           runtime::Workqueue::Urgency::closing);
}

namespace {

Task<Result<Done>> write_end(World& world, kube::Client& client, VerdictPointer verdict,
                             model::AccessVerdict::End end) {
  if (end.by.empty()) end.by = world.operator_name;
  const auto written = co_await client.merge_patch(verdicts, {verdict->meta.ns, verdict->meta.name},
                                                   api::end_patch(*verdict, end));
  if (!written && written.error().kind != Error::Kind::not_found) co_return fail(written.error());
  co_return Done{};
}

Task<Result<Done>> read_and_wake(World& world, VerdictPointer verdict,
                                 std::optional<TimePoint> ended_at) {
  co_await read_ways(world, verdict, ended_at);
  wake_groups_of(world, *verdict, ended_at);
  co_return Done{};
}

}  // namespace

Task<Result<Done>> tend_ways(World& world, kube::Client& client, VerdictPointer verdict,
                             std::optional<model::AccessVerdict::End> early,
                             std::optional<TimePoint> ended_at) {
  std::vector<Task<Result<Done>>> both;
  both.push_back(read_and_wake(world, verdict, ended_at));
  if (early && !verdict->ended) both.push_back(write_end(world, client, verdict, *early));
  const auto done = co_await cloud::gather(std::move(both));
  co_return done.back();
}

}  // namespace portcullis::controllers
