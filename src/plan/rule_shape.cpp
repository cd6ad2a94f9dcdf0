#include "plan/rule_shape.hpp"

#include <algorithm>
#include <iterator>

#include "model/resource_id.hpp"

namespace portcullis::plan {
namespace {

using model::Endpoint;
using model::PortRange;
using model::PrefixSet;
using model::SecurityRule;

std::vector<std::string> folded(const std::vector<std::string>& names) {
  std::vector<std::string> lower;
  lower.reserve(names.size());
  for (const std::string& name : names) lower.push_back(model::ascii_lower(name));
  std::ranges::sort(lower);
  return lower;
}

bool same_end(const Endpoint& a, const Endpoint& b) {
  return a.any == b.any && PrefixSet::of(a.prefixes) == PrefixSet::of(b.prefixes) &&
         folded(a.tags) == folded(b.tags) && folded(a.groups) == folded(b.groups) &&
         folded(a.unread) == folded(b.unread);
}

bool all_in(const std::vector<std::string>& names, const std::vector<std::string>& limit) {
  return std::ranges::includes(folded(limit), folded(names));
}

bool is_blank(const Endpoint& end) { return end == Endpoint{}; }

bool within(const Endpoint& end, const Endpoint& limit) {
  if (limit.any) return true;
  if (end.any || is_blank(end) || !end.unread.empty()) return false;
  return PrefixSet::of(limit.prefixes).contains(PrefixSet::of(end.prefixes)) &&
         all_in(end.tags, limit.tags) && all_in(end.groups, limit.groups);
}

/// No range at all is a value that was not understood, so it may be any.
bool within(const std::vector<PortRange>& ports, const std::vector<PortRange>& limit) {
  const auto merged = merge_ports(limit);
  return !ports.empty() && std::ranges::all_of(merge_ports(ports), [&](const PortRange& range) {
    return std::ranges::any_of(merged, [&](const PortRange& wide) { return wide.contains(range); });
  });
}

bool within(model::Protocol protocol, model::Protocol limit) {
  return limit == model::Protocol::any || limit == protocol;
}

/// What both ends have in common; empty if nothing.
Endpoint shared(const Endpoint& wanted, const Endpoint& actual) {
  if (actual.any) return wanted;
  Endpoint both;
  both.prefixes = PrefixSet::of(wanted.prefixes).intersect(PrefixSet::of(actual.prefixes)).cover();
  if (all_in(wanted.tags, actual.tags)) both.tags = wanted.tags;
  return both;
}

}  // namespace

std::vector<PortRange> merge_ports(std::vector<PortRange> ports) {
  std::ranges::sort(ports);
  std::vector<PortRange> merged;
  for (const PortRange& range : ports) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

std::string text_of(const std::vector<PortRange>& ports) {
  std::string text;
  for (const PortRange& range : merge_ports(ports)) text += model::to_string(range) + ',';
  return text;
}

std::string text_of(const PrefixSet& set) {
  std::string text;
  for (const model::Prefix& prefix : set.cover()) text += model::to_string(prefix) + ',';
  return text;
}

const char* text_of(model::Family family) {
  return family == model::Family::ipv4 ? "ipv4" : "ipv6";
}

bool same_rule(const SecurityRule& a, const SecurityRule& b) {
  return model::ascii_lower(a.name) == model::ascii_lower(b.name) &&
         a.description == b.description && a.priority == b.priority && a.access == b.access &&
         a.direction == b.direction && a.protocol == b.protocol && same_end(a.source, b.source) &&
         same_end(a.destination, b.destination) &&
         merge_ports(a.source_ports) == merge_ports(b.source_ports) &&
         merge_ports(a.destination_ports) == merge_ports(b.destination_ports) &&
         a.readable == b.readable;
}

bool lets_in(const SecurityRule& rule) {
  return !rule.readable ||
         (rule.access == model::Access::allow && rule.direction == model::Direction::inbound);
}

bool lets_in_beyond(const SecurityRule& rule, const SecurityRule& limit) {
  if (!rule.readable) return true;
  if (!lets_in(rule)) return false;
  return !(within(rule.source, limit.source) && within(rule.destination, limit.destination) &&
           within(rule.source_ports, limit.source_ports) &&
           within(rule.destination_ports, limit.destination_ports) &&
           within(rule.protocol, limit.protocol));
}

bool lets_in_beyond(const SecurityRule& rule, std::span<const SecurityRule> limits) {
  SecurityRule all = rule;
  all.source = {};
  for (const SecurityRule& limit : limits) {
    SecurityRule from_anywhere = limit;
    from_anywhere.source = {.any = true};
    if (lets_in_beyond(rule, from_anywhere)) continue;
    const Endpoint& more = limit.source;
    all.source.any = all.source.any || more.any;
    std::ranges::copy(more.prefixes, std::back_inserter(all.source.prefixes));
    std::ranges::copy(more.tags, std::back_inserter(all.source.tags));
    std::ranges::copy(more.groups, std::back_inserter(all.source.groups));
  }
  return lets_in_beyond(rule, all);
}

std::optional<SecurityRule> narrowed(const SecurityRule& wanted, const SecurityRule& actual) {
  if (!actual.readable || !lets_in(actual)) return std::nullopt;
  if (!within(wanted.source_ports, actual.source_ports) ||
      !within(wanted.destination_ports, actual.destination_ports) ||
      !within(wanted.protocol, actual.protocol)) {
    return std::nullopt;
  }
  SecurityRule less = wanted;
  less.source = shared(wanted.source, actual.source);
  less.destination = shared(wanted.destination, actual.destination);
  if (is_blank(less.source) || is_blank(less.destination)) return std::nullopt;
  return less;
}

PrefixSet addresses(const Endpoint& end) {
  return end.any ? PrefixSet::everything() : PrefixSet::of(end.prefixes);
}

bool only_addresses(const Endpoint& end) {
  return !end.any && end.tags.empty() && end.groups.empty() && end.unread.empty() &&
         !end.prefixes.empty() &&
         std::ranges::all_of(end.prefixes, [&](const model::Prefix& prefix) {
           return prefix.family == end.prefixes.front().family;
         });
}

}  // namespace portcullis::plan
