#include "plan/exceptions.hpp"

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
    standing = standing.unite(PrefixSet::of(rule.destination.prefixes));
  }
  return standing.intersect(locked_with(keep.rule, owner));
}

}  // namespace portcullis::plan
