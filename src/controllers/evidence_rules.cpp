#include "controllers/evidence_rules.hpp"

#include <algorithm>
#include <chrono>

#include "model/resource_id.hpp"
#include "plan/rule_shape.hpp"

namespace portcullis::controllers {
namespace {

using model::resource_key;

bool share_ports(const model::PortSelection& port, const model::SecurityRule& rule) {
  const auto any = model::Protocol::any;
  if (port.protocol != any && rule.protocol != any && port.protocol != rule.protocol) return false;
  if (rule.destination_ports.empty()) return true;
  return std::ranges::any_of(rule.destination_ports, [&](const model::PortRange& range) {
    return range.first <= port.range.last && port.range.first <= range.last;
  });
}

/// Whether a rule that ends then is of the slots of this grant. One whose name says so and whose
/// content does not is altered, and every plan closes those.
bool is_of_slot(const model::AccessVerdict& verdict, const model::SecurityRule& rule,
                TimePoint until) {
  using std::chrono::minutes;
  if (std::chrono::ceil<minutes>(plan::ends_at(verdict)) != std::chrono::ceil<minutes>(until)) {
    return false;
  }
  std::vector<model::PortRange> ports;
  for (const auto& port : verdict.ports) {
    if (port.protocol == rule.protocol) ports.push_back(port.range);
  }
  return plan::merge_ports(ports) == plan::merge_ports(rule.destination_ports);
}

/// Whether the rule is what was to be written for this grant, by all that a rule says.
bool accounts_for(const World& world, const model::AccessVerdict& verdict,
                  const model::SecurityRule& rule, TimePoint until) {
  if (!verdict.granted || !plan::counts(verdict, world.operator_name)) return false;
  if (!is_of_slot(verdict, rule, until)) return false;
  const auto addresses = addresses_of(world, verdict);
  return addresses && addresses->contains(model::PrefixSet::of(rule.destination.prefixes)) &&
         !model::PrefixSet::of(verdict.sources)
              .intersect(model::PrefixSet::of(rule.source.prefixes))
              .empty();
}

/// Whether all whom the rule lets in are let in by these grants.
bool is_all_theirs(const World& world, const model::SecurityRule& rule,
                   const std::vector<std::string>& grants) {
  model::PrefixSet theirs;
  for (const auto& uid : grants) {
    const auto verdict = world.verdict_index.find(uid);
    if (verdict) theirs = theirs.unite(model::PrefixSet::of(verdict->sources));
  }
  return plan::only_addresses(rule.source) &&
         theirs.contains(model::PrefixSet::of(rule.source.prefixes));
}

/// Whether the rule is of a slot of the grant and goes to its machines, as far as they are known.
bool is_of_slot_here(const World& world, const model::AccessVerdict& verdict,
                     const model::SecurityRule& rule) {
  const auto mark = plan::read_mark(rule, world.instance);
  const auto* own = std::get_if<plan::OwnMark>(&mark);
  if (own == nullptr || own->kind != plan::RuleKind::open || !own->until) return false;
  if (!is_of_slot(verdict, rule, *own->until)) return false;
  const auto addresses = addresses_of(world, verdict);
  return !addresses || !plan::only_addresses(rule.destination) ||
         !addresses->intersect(model::PrefixSet::of(rule.destination.prefixes)).empty();
}

}  // namespace

std::optional<model::PrefixSet> addresses_of(const World& world,
                                             const model::AccessVerdict& verdict) {
  model::PrefixSet all;
  for (const auto& target : verdict.targets) {
    const auto view = world.machines.find(resource_key(target.resource_id));
    if (view == world.machines.end() || !view->second.machine) return std::nullopt;
    for (const auto& way : view->second.machine->paths) {
      all = all.unite(model::PrefixSet::of(way.address));
    }
  }
  return all;
}

bool may_be_of(const World& world, const model::AccessVerdict& verdict,
               const model::SecurityRule& rule, const plan::OwnMark& mark) {
  if (!plan::only_addresses(rule.source) || !plan::only_addresses(rule.destination)) return true;
  const auto sources = model::PrefixSet::of(verdict.sources);
  if (model::PrefixSet::of(rule.source.prefixes).intersect(sources).empty()) return false;
  const auto addresses = addresses_of(world, verdict);
  const auto destinations = model::PrefixSet::of(rule.destination.prefixes);
  if (!addresses || !mark.until || !addresses->intersect(destinations).empty()) return true;
  const auto [first, last] =
      world.verdict_index.ending_in(std::chrono::ceil<std::chrono::minutes>(*mark.until));
  return std::none_of(first, last, [&](const auto& other) {
    return other->meta.uid != verdict.meta.uid && accounts_for(world, *other, rule, *mark.until);
  });
}

bool may_let_in_for(const World& world, const model::AccessVerdict& verdict,
                    const model::SecurityRule& rule) {
  if (!rule.readable) return true;
  if (plan::only_addresses(rule.source) && model::PrefixSet::of(rule.source.prefixes)
                                               .intersect(model::PrefixSet::of(verdict.sources))
                                               .empty()) {
    return false;
  }
  if (std::ranges::none_of(verdict.ports,
                           [&](const auto& port) { return share_ports(port, rule); })) {
    return false;
  }
  const auto addresses = addresses_of(world, verdict);
  return !addresses || !plan::only_addresses(rule.destination) ||
         !addresses->intersect(model::PrefixSet::of(rule.destination.prefixes)).empty();
}

bool is_wanted(const model::AccessVerdict& verdict, const plan::WantedRule& wanted) {
  return std::ranges::find(wanted.grants, verdict.meta.uid) != wanted.grants.end();
}

bool is_wanted(const model::AccessVerdict& verdict, const GroupView& view) {
  return std::ranges::any_of(
      view.plan.wanted, [&](const plan::WantedRule& wanted) { return is_wanted(verdict, wanted); });
}

const plan::Change* find_closing(const World& world, const model::AccessVerdict& verdict,
                                 const GroupView& view) {
  const auto found = std::ranges::find_if(view.plan.changes, [&](const plan::Change& change) {
    if (change.change_class != plan::ChangeClass::close) return false;
    const auto actual = std::ranges::find_if(view.group->rules, [&](const auto& rule) {
      return model::ascii_lower(rule.name) == model::ascii_lower(change.rule.name);
    });
    if (actual == view.group->rules.end()) return true;
    const auto mark = plan::read_mark(*actual, world.instance);
    const auto* own = std::get_if<plan::OwnMark>(&mark);
    if (own == nullptr || own->kind != plan::RuleKind::open) return true;
    return may_be_of(world, verdict, *actual, *own);
  });
  return found == view.plan.changes.end() ? nullptr : &*found;
}

const model::SecurityRule* find_standing(const World& world, const model::AccessVerdict& verdict,
                                         const GroupView& view) {
  if (!view.group) return nullptr;
  for (const auto& rule : view.group->rules) {
    if (!rule.settled() && is_of_slot_here(world, verdict, rule)) return &rule;
    const auto mark = plan::read_mark(rule, world.instance);
    const auto* own = std::get_if<plan::OwnMark>(&mark);
    if (own == nullptr || own->kind != plan::RuleKind::open || !plan::lets_in(rule)) continue;
    if (!own->until || !is_of_slot(verdict, rule, *own->until)) continue;
    if (!may_be_of(world, verdict, rule, *own)) continue;
    const auto wanted = std::ranges::find_if(view.plan.wanted, [&](const auto& entry) {
      return model::ascii_lower(entry.rule.name) == model::ascii_lower(rule.name);
    });
    const bool others = wanted != view.plan.wanted.end() && !is_wanted(verdict, *wanted) &&
                        is_all_theirs(world, rule, wanted->grants);
    if (!others) return &rule;
  }
  return nullptr;
}

const model::SecurityRule* find_inert(const World& world, const model::AccessVerdict& verdict,
                                      const GroupView& view) {
  if (!view.group) return nullptr;
  const auto found = std::ranges::find_if(view.group->rules, [&](const auto& rule) {
    return plan::is_inert(rule) && is_of_slot_here(world, verdict, rule);
  });
  return found == view.group->rules.end() ? nullptr : &*found;
}

}  // namespace portcullis::controllers
