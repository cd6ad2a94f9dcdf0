#include "plan/slots.hpp"

#include <algorithm>
#include <array>

#include "model/resource_id.hpp"
#include "plan/rule_plan.hpp"

namespace portcullis::plan {
namespace {

using model::Family;
using model::PrefixSet;
using model::SecurityRule;

constexpr std::array<Family, 2> families = {Family::ipv4, Family::ipv6};

TimePoint minute_of(TimePoint end) { return std::chrono::ceil<std::chrono::minutes>(end); }

std::string slot_name(const std::string& instance, const PrefixSet& destinations,
                      const std::vector<model::PortRange>& ports, model::Protocol protocol,
                      Family family, TimePoint minute) {
  return rule_name(instance, RuleKind::open,
                   "open/" + text_of(ports) + '/' + model::to_string(protocol) + '/' +
                       text_of(family) + '/' + format_rfc3339(minute) + '/' +
                       text_of(destinations));
}

bool is_over(const OpenWant& want, TimePoint now) { return want.ended || end_of(want) <= now; }

Slot make_slot(const std::string& name, const PrefixSet& destinations,
               const std::vector<model::PortRange>& ports, model::Protocol protocol) {
  Slot slot;
  slot.rule.name = name;
  slot.rule.access = model::Access::allow;
  slot.rule.protocol = protocol;
  slot.rule.destination.prefixes = destinations.cover();
  slot.rule.destination_ports = merge_ports(ports);
  return slot;
}

}  // namespace

TimePoint end_of(const OpenWant& want) {
  return std::chrono::floor<std::chrono::seconds>(want.ends_at);
}

std::map<std::string, Slot> gather_slots(const GroupDesired& desired, TimePoint now) {
  std::map<std::string, Slot> slots;
  for (const OpenWant& want : desired.opens) {
    const bool over = is_over(want, now);
    if (!over && now < want.starts_at) continue;
    const PrefixSet all_sources = PrefixSet::of(want.sources);
    const PrefixSet all_destinations = PrefixSet::of(want.destinations);
    for (const Family family : families) {
      const PrefixSet sources = all_sources.of_family(family);
      const PrefixSet destinations = all_destinations.of_family(family);
      if (sources.empty() || destinations.empty() || want.ports.empty()) continue;
      const std::string name = slot_name(desired.instance, destinations, want.ports, want.protocol,
                                         family, minute_of(end_of(want)));
      Slot& slot = slots.try_emplace(name, make_slot(name, destinations, want.ports, want.protocol))
                       .first->second;
      if (over) {
        slot.over = slot.over.unite(sources);
      } else {
        slot.live.push_back({.grant = want.grant, .sources = sources, .ends_at = end_of(want)});
      }
    }
  }
  return slots;
}

std::optional<Slot> slot_of(const SecurityRule& rule, const OwnMark& mark,
                            const GroupDesired& desired, TimePoint now) {
  if (!rule.readable || rule.direction != model::Direction::inbound || !mark.until ||
      !only_addresses(rule.source) || !only_addresses(rule.destination) ||
      merge_ports(rule.source_ports) != std::vector{model::PortRange{}}) {
    return std::nullopt;
  }
  const Family family = rule.destination.prefixes.front().family;
  const PrefixSet destinations = PrefixSet::of(rule.destination.prefixes);
  const TimePoint minute = minute_of(*mark.until);
  const std::string name = slot_name(desired.instance, destinations, rule.destination_ports,
                                     rule.protocol, family, minute);
  if (name != model::ascii_lower(rule.name)) return std::nullopt;
  if (rule.source.prefixes.front().family != family) return std::nullopt;

  Slot slot = make_slot(name, destinations, rule.destination_ports, rule.protocol);
  for (const OpenWant& want : desired.opens) {
    if (want.destinations.empty() && is_over(want, now) && want.protocol == rule.protocol &&
        minute_of(end_of(want)) == minute &&
        merge_ports(want.ports) == merge_ports(rule.destination_ports)) {
      slot.over = slot.over.unite(PrefixSet::of(want.sources).of_family(family));
    }
  }
  return slot;
}

std::optional<SlotDraft> settle(const Slot& slot, const SecurityRule* actual, const OwnMark* mark,
                                const GroupDesired& desired, TimePoint now) {
  PrefixSet standing;
  if (actual != nullptr && mark != nullptr && lets_in(*actual) && !mark->expired(now)) {
    standing = addresses(actual->source);
  }
  PrefixSet live;
  PrefixSet openable;
  for (const Slot::Live& grant : slot.live) {
    live = live.unite(grant.sources);
    if (desired.may_open && grant.ends_at - now >= least_life_to_open) {
      openable = openable.unite(grant.sources);
    }
  }
  SlotDraft result;
  const bool may_drop_unknown =
      desired.everything_known && (desired.remove_orphans || !slot.live.empty());
  if (!may_drop_unknown) result.unknown = standing.subtract(live).subtract(slot.over);
  const PrefixSet wanted = openable.unite(live.intersect(standing));
  const PrefixSet sources = wanted.unite(result.unknown);
  if (sources.empty()) return std::nullopt;

  Draft& draft = result.draft;
  draft.rule = slot.rule;
  draft.rule.source.prefixes = sources.cover();
  draft.mark.kind = RuleKind::open;
  if (!result.unknown.empty()) draft.mark.until = mark->until;
  for (const Slot::Live& grant : slot.live) {
    if (grant.sources.intersect(wanted).empty()) continue;
    draft.grants.push_back({.grant = grant.grant, .sources = grant.sources});
    draft.mark.until = std::max(draft.mark.until.value_or(grant.ends_at), grant.ends_at);
  }
  std::ranges::sort(draft.grants, {}, &GrantShare::grant);
  draft.rule.description = describe(draft.mark);
  return result;
}

}  // namespace portcullis::plan
