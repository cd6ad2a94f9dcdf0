#include "plan/exceptions.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>

#include "model/resource_id.hpp"
#include "plan/locks.hpp"
#include "plan/rule_shape.hpp"

namespace portcullis::plan {

using model::PrefixSet;
using model::SecurityRule;

namespace {

bool same_ports(const SecurityRule& a, const SecurityRule& b) {
  return a.protocol == b.protocol &&
         merge_ports(a.destination_ports) == merge_ports(b.destination_ports);
}

/// A lock has all ports of a protocol, an exception those of one entry.
bool locks_ports_of(const SecurityRule& lock, const SecurityRule& keep) {
  SecurityRule reach = keep;
  reach.destination_ports = lock.destination_ports;
  reach.protocol = lock.protocol;
  return !lets_in_beyond(keep, reach);
}

bool is_exception_of(const SecurityRule& rule, const std::string& owner,
                     std::string_view instance) {
  const Mark mark = read_mark(rule, instance);
  const auto* own = std::get_if<OwnMark>(&mark);
  return own != nullptr && own->kind == RuleKind::keep && own->owner == owner && lets_in(rule) &&
         keep_fits_name(rule, *own, instance);
}

/// Whether something may deny what stands between the two numbers: a rule behind it lets in less
/// than it says.
bool is_denied_between(const model::SecurityGroup& group, int first, int last) {
  return std::ranges::any_of(group.rules, [&](const SecurityRule& rule) {
    const bool denies = rule.access == model::Access::deny || !rule.readable;
    const bool inbound = rule.direction == model::Direction::inbound || !rule.readable;
    return denies && inbound && first < rule.priority && rule.priority < last;
  });
}

/// Cuts the addresses so that each of the rules is for all of a part or for nothing of it.
std::vector<PrefixSet> split_addresses(const PrefixSet& whole,
                                       std::span<const SecurityRule> rules) {
  std::vector<PrefixSet> parts = {whole};
  for (const SecurityRule& rule : rules) {
    const PrefixSet here = addresses(rule.destination);
    std::vector<PrefixSet> finer;
    for (const PrefixSet& part : parts) {
      for (PrefixSet& piece : std::vector{part.intersect(here), part.subtract(here)}) {
        if (!piece.empty()) finer.push_back(std::move(piece));
      }
    }
    parts = std::move(finer);
  }
  return parts;
}

/// Likewise the ports.
std::vector<model::PortRange> split_ports(const SecurityRule& keep,
                                          std::span<const SecurityRule> rules) {
  std::set<int> starts;
  for (const auto& range : keep.destination_ports) starts.insert({range.first, range.last + 1});
  for (const SecurityRule& rule : rules) {
    for (const auto& range : rule.destination_ports) starts.insert({range.first, range.last + 1});
  }
  std::vector<model::PortRange> parts;
  for (auto start = starts.begin(); start != starts.end() && std::next(start) != starts.end();
       ++start) {
    const model::PortRange part{.first = static_cast<std::uint16_t>(*start),
                                .last = static_cast<std::uint16_t>(*std::next(start) - 1)};
    const bool asked = std::ranges::any_of(keep.destination_ports,
                                           [&](const auto& range) { return range.contains(part); });
    if (asked) parts.push_back(part);
  }
  return parts;
}

}  // namespace

std::vector<SecurityRule> exceptions_anywhere(std::span<const KeepWant> wants) {
  std::vector<SecurityRule> rules;
  rules.reserve(wants.size());
  for (const KeepWant& want : wants) {
    SecurityRule rule{.name = {},
                      .access = model::Access::allow,
                      .protocol = want.protocol,
                      .source = {.prefixes = want.sources},
                      .destination = {.any = true},
                      .destination_ports = want.ports};
    if (want.sources.empty()) rule.source.tags = {want.service_tag};
    rules.push_back(std::move(rule));
  }
  return rules;
}

Exceptions::Exceptions(const GroupDesired& desired, const OwnRules& own)
    : desired_(desired), own_(own) {
  for (const std::string& owner : desired.exceptions_known) said_[owner];
  for (const KeepWant& want : desired.keeps) {
    const auto owner = said_.find(want.owner);
    if (owner == said_.end()) continue;
    for (auto& rule : exceptions_anywhere({&want, 1})) owner->second.push_back(std::move(rule));
  }
}

bool Exceptions::is_withdrawn(const SecurityRule& keep, const std::string& owner) const {
  const auto said = said_.find(owner);
  return said != said_.end() && lets_in_beyond(keep, said->second);
}

PrefixSet Exceptions::locked_with(const SecurityRule& keep, const std::string& owner) const {
  PrefixSet locked;
  for (const auto& [name, existing] : own_) {
    const SecurityRule& rule = *existing.rule;
    if (!existing.mark || existing.mark->kind != RuleKind::lock || existing.mark->owner != owner ||
        rule.access != model::Access::deny || !locks_ports_of(rule, keep)) {
      continue;
    }
    locked = locked.unite(PrefixSet::of(rule.destination.prefixes));
  }
  return locked;
}

PrefixSet Exceptions::counts_at(const SecurityRule& keep, const std::string& owner) const {
  return PrefixSet::of(keep.destination.prefixes).subtract(overruled_at(desired_, owner, keep));
}

PrefixSet Exceptions::stand_at(const Draft& keep,
                               const std::map<std::string, Draft>& wanted) const {
  const std::string& owner = keep.mark.owner;
  PrefixSet standing;
  for (const auto& [name, existing] : own_) {
    const SecurityRule& rule = *existing.rule;
    if (!existing.mark || existing.mark->kind != RuleKind::keep || existing.mark->owner != owner ||
        !lets_in(rule) || !same_ports(rule, keep.rule) ||
        (wanted.contains(name) && name != keep.rule.name) ||
        !keep_fits_name(rule, *existing.mark, desired_.instance)) {
      continue;
    }
    standing = standing.unite(counts_at(rule, owner));
  }
  return standing.intersect(locked_with(keep.rule, owner));
}

std::optional<SecurityRule> let_in_already(const SecurityRule& keep, const std::string& owner,
                                           const model::SecurityGroup& actual,
                                           std::string_view instance) {
  std::vector<SecurityRule> standing;
  for (const SecurityRule& rule : actual.rules) {
    const bool same = model::ascii_lower(rule.name) == model::ascii_lower(keep.name);
    if (!same && rule.priority == keep.priority) return std::nullopt;
    if (is_exception_of(rule, owner, instance) && rule.settled() &&
        !is_denied_between(actual, keep.priority, rule.priority)) {
      standing.push_back(rule);
    }
  }
  const auto ports = split_ports(keep, standing);
  PrefixSet reached;
  for (const PrefixSet& part : split_addresses(addresses(keep.destination), standing)) {
    SecurityRule there = keep;
    there.destination.prefixes = part.cover();
    const bool all = std::ranges::all_of(ports, [&](const model::PortRange& range) {
      there.destination_ports = {range};
      return !lets_in_beyond(there, standing);
    });
    if (all) reached = reached.unite(part);
  }
  if (reached.empty()) return std::nullopt;
  SecurityRule part = keep;
  part.destination.prefixes = reached.cover();
  return part;
}

}  // namespace portcullis::plan
