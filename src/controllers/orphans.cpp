#include "controllers/orphans.hpp"

#include <algorithm>

#include "model/condition_types.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"

namespace portcullis::controllers {
namespace {

using plan::ProblemKind;

constexpr std::size_t most_told = 5;

bool is_orphan(const plan::Problem& problem, TimePoint now) {
  switch (problem.kind) {
    case ProblemKind::orphan_lock:
    case ProblemKind::orphan_open:
    case ProblemKind::unreadable_mark:
    case ProblemKind::cleanup_blocked:
      return true;
    case ProblemKind::other_instance:
      return problem.until && *problem.until <= now;
    default:
      return false;
  }
}

}  // namespace

void tell_orphans(World& world, GroupView& view, const model::CloudAccount& account) {
  std::string orphans;
  for (const plan::Problem& problem : view.plan.problems) {
    if (is_orphan(problem, world.clock.now())) orphans += problem.rule + " ";
  }
  if (std::exchange(view.orphans, orphans) != orphans) world.account_queue.add(account.meta.name);
}

model::Condition describe_orphans(const World& world, const model::CloudAccount& account) {
  model::Condition condition{.type = model::condition_type::orphans,
                             .status = model::Truth::no,
                             .reason = plan::reason::no_orphans,
                             .message = "every rule of ours has an owner"};
  std::size_t count = 0;
  for (const auto& [key, view] : world.groups) {
    const auto* owner = world.account_of(view.id);
    if (owner == nullptr || owner->meta.uid != account.meta.uid || view.gone) continue;
    for (const plan::Problem& problem : view.plan.problems) {
      if (!is_orphan(problem, world.clock.now())) continue;
      if (++count > most_told) continue;
      if (count == 1) {
        condition.status = model::Truth::yes;
        condition.reason = to_string(problem.kind);
        condition.message.clear();
      }
      condition.message += (count == 1 ? "NSG \"" : " NSG \"") + model::short_name(view.id) +
                           "\": " + problem.message;
    }
  }
  if (count > most_told) {
    condition.message += " And " + std::to_string(count - most_told) + " more.";
  }
  return condition;
}

}  // namespace portcullis::controllers
