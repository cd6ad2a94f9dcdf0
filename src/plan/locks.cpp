#include "plan/locks.hpp"

#include <algorithm>
#include <array>

#include "model/resource_id.hpp"

namespace portcullis::plan {
namespace {

using model::Family;
using model::PrefixSet;

constexpr std::array<Family, 2> families = {Family::ipv4, Family::ipv6};

/// A slash stands in none of the parts but in prefixes, and those come last.
std::string lock_identity(const std::string& owner, const std::vector<model::PortRange>& ports,
                          model::Protocol protocol, Family family) {
  return "lock/" + owner + '/' + text_of(ports) + '/' + model::to_string(protocol) + '/' +
         text_of(family);
}

std::string keep_identity(const std::string& owner, const std::vector<model::PortRange>& ports,
                          model::Protocol protocol, Family family, const std::string& tag,
                          const PrefixSet& sources) {
  return "keep/" + owner + '/' + text_of(ports) + '/' + model::to_string(protocol) + '/' +
         text_of(family) + '/' + model::ascii_lower(tag) + '/' + text_of(sources);
}

Draft make_draft(std::string name, OwnMark mark, model::Access access,
                 const std::vector<model::PortRange>& ports, model::Protocol protocol) {
  Draft draft{.mark = std::move(mark)};
  draft.rule.name = std::move(name);
  draft.rule.description = describe(draft.mark);
  draft.rule.access = access;
  draft.rule.protocol = protocol;
  draft.rule.destination_ports = merge_ports(ports);
  return draft;
}

bool meet(model::Protocol a, model::Protocol b) {
  return a == b || a == model::Protocol::any || b == model::Protocol::any;
}

bool meet(const std::vector<model::PortRange>& a, const std::vector<model::PortRange>& b) {
  return std::ranges::any_of(a, [&](const model::PortRange& mine) {
    return std::ranges::any_of(b, [&](const model::PortRange& theirs) {
      return mine.first <= theirs.last && theirs.first <= mine.last;
    });
  });
}

void add_destinations(Draft& draft, const PrefixSet& more) {
  auto& list = draft.rule.destination.prefixes;
  list = PrefixSet::of(list).unite(more).cover();
}

}  // namespace

std::map<std::string, Draft> draft_locks(const GroupDesired& desired) {
  std::map<std::string, Draft> drafts;
  for (const LockWant& want : desired.locks) {
    const PrefixSet destinations = PrefixSet::of(want.destinations);
    for (const Family family : families) {
      const PrefixSet here = destinations.of_family(family);
      if (here.empty() || want.ports.empty()) continue;
      const std::string name =
          rule_name(desired.instance, RuleKind::lock,
                    lock_identity(want.owner, want.ports, want.protocol, family));
      const OwnMark mark{.kind = RuleKind::lock, .owner = want.owner};
      Draft& draft = drafts
                         .try_emplace(name, make_draft(name, mark, model::Access::deny, want.ports,
                                                       want.protocol))
                         .first->second;
      draft.rule.source.any = true;
      add_destinations(draft, here);
    }
  }
  return drafts;
}

std::map<std::string, Draft> draft_keeps(const GroupDesired& desired) {
  std::map<std::string, Draft> drafts;
  for (const KeepWant& want : desired.keeps) {
    const PrefixSet destinations = PrefixSet::of(want.destinations);
    const PrefixSet sources = PrefixSet::of(want.sources);
    for (const Family family : families) {
      const PrefixSet here = destinations.of_family(family);
      const PrefixSet from = sources.of_family(family);
      const std::string tag = sources.empty() ? want.service_tag : "";
      if (here.empty() || want.ports.empty() || (from.empty() && tag.empty())) continue;
      const std::string name =
          rule_name(desired.instance, RuleKind::keep,
                    keep_identity(want.owner, want.ports, want.protocol, family, tag, from));
      const OwnMark mark{.kind = RuleKind::keep, .owner = want.owner};
      Draft& draft = drafts
                         .try_emplace(name, make_draft(name, mark, model::Access::allow, want.ports,
                                                       want.protocol))
                         .first->second;
      draft.rule.source.prefixes = from.cover();
      if (!tag.empty()) draft.rule.source.tags = {tag};
      add_destinations(draft, here);
    }
  }
  for (auto& [name, draft] : drafts) {
    auto& list = draft.rule.destination.prefixes;
    list =
        PrefixSet::of(list).subtract(overruled_at(desired, draft.mark.owner, draft.rule)).cover();
  }
  std::erase_if(drafts,
                [](const auto& each) { return each.second.rule.destination.prefixes.empty(); });
  return drafts;
}

PrefixSet overruled_at(const GroupDesired& desired, const std::string& owner,
                       const model::SecurityRule& keep) {
  PrefixSet there;
  for (const Overruled& each : desired.overruled) {
    if (each.owner == owner && meet(each.protocol, keep.protocol) &&
        meet(each.ports, keep.destination_ports)) {
      there = there.unite(PrefixSet::of(each.destinations));
    }
  }
  return there;
}

bool keep_fits_name(const model::SecurityRule& rule, const OwnMark& mark,
                    std::string_view instance) {
  const model::Endpoint& source = rule.source;
  if (!rule.readable || rule.direction != model::Direction::inbound || source.any ||
      !source.groups.empty() || !source.unread.empty() || source.tags.size() > 1 ||
      !only_addresses(rule.destination) ||
      merge_ports(rule.source_ports) != std::vector{model::PortRange{}}) {
    return false;
  }
  const std::string tag = source.tags.empty() ? "" : source.tags.front();
  const std::string identity =
      keep_identity(mark.owner, rule.destination_ports, rule.protocol,
                    rule.destination.prefixes.front().family, tag, PrefixSet::of(source.prefixes));
  return model::ascii_lower(rule.name) == rule_name(instance, RuleKind::keep, identity);
}

Owners::Owners(const GroupDesired& desired) {
  known_.insert(desired.known_owners.begin(), desired.known_owners.end());
  for (const LockWant& want : desired.locks) known_.insert(want.owner);
  for (const KeepWant& want : desired.keeps) known_.insert(want.owner);
  for (const ReleaseEvidence& release : desired.releases) {
    known_.insert(release.owner);
    if (!desired.may_add && release.why == ReleaseEvidence::Why::complete) continue;
    const auto [entry, added] = releases_.try_emplace(release.owner, release);
    // The order of the list must mean nothing.
    if (!added && release.why == ReleaseEvidence::Why::leaving) entry->second = release;
  }
}

const ReleaseEvidence* Owners::release(const std::string& owner) const {
  const auto found = releases_.find(owner);
  return found == releases_.end() ? nullptr : &found->second;
}

}  // namespace portcullis::plan
