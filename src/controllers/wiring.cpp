#include "controllers/wiring.hpp"

#include "controllers/grants.hpp"
#include "plan/lifecycle.hpp"
#include "plan/request_status.hpp"

namespace portcullis::controllers {
namespace {

using Urgency = runtime::Workqueue::Urgency;

/// Whether a grant of the request is over before its time, and that is not written yet.
bool ends_now(const World& world, const model::AccessRequest& request) {
  const auto verdict = world.stores.verdicts.find(request.meta.ns + "/" + request.meta.uid);
  return verdict && verdict->granted && !verdict->ended &&
         world.clock.now() < plan::ends_at(*verdict) && world.early_end(*verdict);
}

/// Requests that stand on a policy: what it allows, and whether it is there at all. Grants that end
/// by that go before all that is still to be decided.
void wake_requests_of(World& world, const model::JitPolicy& policy) {
  for (const auto& request : world.request_index.of(policy.meta.ns, policy.meta.name)) {
    world.request_queue.add(request->meta.key(),
                            ends_now(world, *request) ? Urgency::closing : Urgency::normal);
  }
}

/// Policies that may have to give way to this one, or no longer have to.
void wake_younger(World& world, const model::JitPolicy& policy) {
  for (const auto& target : policy.targets) {
    for (const auto& key : world.policy_index.sharing(target)) {
      const auto other = world.stores.policies.find(key);
      if (other && other->account == policy.account &&
          model::came_before(policy.meta, other->meta)) {
        world.policy_queue.add(key);
      }
    }
  }
}

/// Whether only the status changed: our own write coming back, or somebody's nonsense to repair.
bool only_status(const model::Meta& before, const model::Meta& after) {
  return before.uid == after.uid && before.generation == after.generation &&
         before.deleting == after.deleting && before.finalizers == after.finalizers;
}

// What somebody else wrote into a status is put right by then. Sooner would cut short the waits
// between tries where each try writes what differs.
constexpr Duration repair_after = std::chrono::seconds(30);

/// A status was written, or the object came again with the one that it has. Our own, coming back,
/// is no reason to look again, and need not be remembered from then on: whatever differs from it is
/// somebody else's. What is right is never judged by what is remembered, only when to look again.
void note_status(World& world, runtime::Workqueue& queue, const std::string& key,
                 const model::Meta& meta, const model::SeenStatus& before,
                 const model::SeenStatus& status) {
  const auto written = world.written_status.find(meta.uid);
  if (written == world.written_status.end()) {
    if (before.hash == status.hash && status.hash != 0) return;
  } else if (written->second.wanted == status.hash) {
    if (written->second.forgone == 0) world.written_status.erase(written);
    return;
  } else if (written->second.forgone == status.hash) {
    queue.add(key);
    return;
  }
  queue.add_at(key, world.clock.now() + repair_after);
}

/// Of an object that went, also one that another of its name came for.
template <typename T>
void forget_status(World& world, const T* before, const T* after) {
  if (before == nullptr || (after != nullptr && after->meta.uid == before->meta.uid)) return;
  world.written_status.erase(before->meta.uid);
}

void wake_account(World& world, const std::string& name) {
  world.account_queue.add(name);
  world.inventory_queue.add(name);
  for (const auto& policy : world.stores.policies.all()) {
    if (policy->account != name) continue;
    world.policy_queue.add(policy->meta.key());
    wake_requests_of(world, *policy);
  }
  // Its bands, scope and freeze are in the plan of each of its groups.
  for (const auto& key : world.groups_of(name)) {
    world.mark_group(world.groups.find(key)->second.id, Urgency::normal);
  }
}

/// What was granted opens without waiting in the queue of requests, as far as it is known where.
void note_verdict(World& world, const model::AccessVerdict& verdict, bool is_new) {
  for (const auto& group : world.coming.settle(verdict.request_uid)) world.group_queue.add(group);
  if (is_new && world.is_live(verdict)) wake_groups_of(world, verdict, std::nullopt);
}

/// An account or a policy that could not be read holds up whoever it may have forbidden something.
/// Groups look again within a minute: whoever may write a policy must not have them read at will.
void wake_held_up(World& world) {
  for (const auto& request : world.stores.requests.all()) {
    const std::string& state = request->status.state;
    if (state.empty() || state == plan::state::pending) {
      world.request_queue.add(request->meta.key());
    }
  }
}

}  // namespace

void wire(World& world) {
  // A pass that has something to close now may stand in the queue with a call for another end.
  world.group_queue.when_overtaken([&world](const std::string& key) {
    const auto group = world.groups.find(key);
    const auto* account =
        group == world.groups.end() ? nullptr : world.account_of(group->second.id);
    const auto provider =
        account == nullptr ? nullptr : world.provider_of(*account).value_or(nullptr);
    if (provider != nullptr) provider->hurry(group->second.id);
  });
  // Requests under one policy are decided together: what is granted in one second can be opened in
  // one write, and closed in one.
  world.request_queue.use_lanes([&world](const std::string& key) {
    const auto request = world.stores.requests.find(key);
    return request ? request->meta.ns + "/" + request->policy : std::string();
  });
  world.stores.accounts.listen(
      [&world](const std::string& key, const auto& before, const auto& after) {
        forget_status(world, before.get(), after.get());
        if (before && after && only_status(before->meta, after->meta)) {
          note_status(world, world.account_queue, key, after->meta, before->status, after->status);
        } else {
          wake_account(world, key);
        }
      });
  world.stores.policies.listen(
      [&world](const std::string& key, const auto& before, const auto& after) {
        forget_status(world, before.get(), after.get());
        if (before && after && only_status(before->meta, after->meta)) {
          note_status(world, world.policy_queue, key, after->meta, before->status, after->status);
          return;
        }
        world.policy_queue.add(key);
        wake_requests_of(world, after ? *after : *before);
        if (before) wake_younger(world, *before);
        if (after) wake_younger(world, *after);
        if (!after) world.account_queue.add(before->account);
      });
  world.stores.accounts.when_poisoned_changes([&world] { wake_held_up(world); });
  world.stores.policies.when_poisoned_changes([&world] { wake_held_up(world); });
  world.stores.requests.listen(
      [&world](const std::string& key, const auto& before, const auto& after) {
        forget_status(world, before.get(), after.get());
        if (before && after && only_status(before->meta, after->meta)) {
          note_status(world, world.request_queue, key, after->meta, before->status, after->status);
          return;
        }
        const bool ends = !after || after->revoke || after->meta.deleting;
        world.request_queue.add(key, ends ? Urgency::closing : Urgency::normal);
      });
  world.stores.decisions.listen(
      [&world](const std::string&, const auto& before, const auto& after) {
        const auto& said = after ? *after : *before;
        world.request_queue.add(said.meta.ns + "/" + said.request_name, Urgency::closing);
      });
  world.stores.verdicts.listen([&world](const std::string&, const auto& before, const auto& after) {
    forget_status(world, before.get(), after.get());
    const auto& verdict = after ? *after : *before;
    note_verdict(world, verdict, !before);
    world.request_queue.add(verdict.meta.ns + "/" + verdict.request_name);
  });
}

}  // namespace portcullis::controllers
