#include "controllers/orphans.hpp"

#include <algorithm>
#include <chrono>

#include "controllers/evidence_rules.hpp"
#include "model/condition_types.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/request_status.hpp"
#include "plan/rule_codec.hpp"

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

/// Whether it is over and nothing of it was left, so that what stands now is none of its rules.
bool is_done_with(const World& world, const model::AccessVerdict& verdict) {
  if (world.proven_closed.contains(verdict.meta.uid)) return true;
  if (world.clock.now() < plan::ends_at(verdict) && !world.early_end(verdict)) return false;
  const auto request = world.stores.requests.find(verdict.meta.ns + "/" + verdict.request_name);
  return !request || request->meta.uid != verdict.request_uid ||
         plan::is_final(request->status.state);
}

/// Whether a rule of this grant is to be expected in the group.
bool has_way_through(const World& world, const model::AccessVerdict& verdict,
                     const std::string& key) {
  if (world.touched.groups_of(verdict.meta.uid).contains(key)) return true;
  return std::ranges::any_of(verdict.targets, [&](const auto& target) {
    const auto machine = world.machines.find(model::resource_key(target.resource_id));
    if (machine == world.machines.end() || !machine->second.machine) return true;  // who knows
    return std::ranges::any_of(world.groups_before(target.resource_id),
                               [&](const auto& id) { return model::resource_key(id) == key; });
  });
}

}  // namespace

void note_closed_orphan(World& world, const std::string& group, const plan::Change& change) {
  if (change.kind != plan::Change::Kind::remove) return;
  const auto mark = plan::read_mark(change.rule, world.instance);
  const auto* own = std::get_if<plan::OwnMark>(&mark);
  const auto* account = world.account_of(group);
  if (own == nullptr || account == nullptr) return;
  if (own->kind == plan::RuleKind::open) {
    if (change.change_class != plan::ChangeClass::close) return;  // it let nobody in any more
    const auto is_its = [&](const auto& grant) {
      const model::AccessVerdict& verdict = *grant;
      return plan::counts(verdict, world.operator_name) && !is_done_with(world, verdict) &&
             has_way_through(world, verdict, model::resource_key(group)) &&
             may_be_of(world, verdict, change.rule, *own);
    };
    // Nearly always it is one of those whose end it has: thousands may have been granted.
    if (own->until) {
      const auto [first, last] =
          world.verdict_index.ending_in(std::chrono::ceil<std::chrono::minutes>(*own->until));
      if (std::any_of(first, last, is_its)) return;
    }
    if (std::ranges::any_of(world.verdict_index.grants(), is_its)) return;
  } else if (own->kind != plan::RuleKind::shut) {
    return;
  }
  ++world.orphans_closed;
  world.closed_orphans[account->meta.name].push_back("rule \"" + change.rule.name + "\" in NSG \"" +
                                                     model::short_name(group) +
                                                     "\" was no grant's; it is removed");
  world.account_queue.add(account->meta.name);
}

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
