#include "controllers/wiring.hpp"

#include "base/log.hpp"

namespace portcullis::controllers {
namespace {

using Urgency = runtime::Workqueue::Urgency;

/// Requests that stand on a policy: what it allows, and whether it is there at all.
void wake_requests_of(World& world, const model::JitPolicy& policy) {
  for (const auto& [key, request] : world.stores.requests.all()) {
    if (request->meta.ns == policy.meta.ns && request->policy == policy.meta.name) {
      world.request_queue.add(key);
    }
  }
}

}  // namespace

void wire(World& world) {
  world.stores.accounts.listen([&world](const std::string& key, const auto&, const auto&) {
    world.account_queue.add(key);
    for (const auto& [name, policy] : world.stores.policies.all()) {
      if (policy->account != key) continue;
      world.policy_queue.add(name);
      wake_requests_of(world, *policy);
    }
  });
  world.stores.policies.listen(
      [&world](const std::string& key, const auto& before, const auto& after) {
        world.policy_queue.add(key);
        // Its own status writes come back as events too; only what is asked for matters to others.
        const bool same = before && after && before->meta.generation == after->meta.generation &&
                          before->meta.uid == after->meta.uid &&
                          before->meta.deleting == after->meta.deleting;
        if (!same) wake_requests_of(world, after ? *after : *before);
        if (!after) world.account_queue.add(before->account);
      });
  world.stores.requests.listen([&world](const std::string& key, const auto&, const auto& after) {
    const bool ends = !after || after->revoke || after->meta.deleting;
    world.request_queue.add(key, ends ? Urgency::closing : Urgency::normal);
  });
  world.stores.verdicts.listen([&world](const std::string&, const auto& before, const auto& after) {
    const auto& verdict = after ? *after : *before;
    world.request_queue.add(verdict.meta.ns + "/" + verdict.request_name);
  });
}

}  // namespace portcullis::controllers
