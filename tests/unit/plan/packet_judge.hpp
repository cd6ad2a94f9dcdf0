#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "rule_builders.hpp"

/// A judge that knows no sets: it walks the rules for one packet. For worlds small enough to try
/// every packet.
namespace portcullis::plan {

inline model::Prefix address(model::Family family, int index) {
  return prefix((family == model::Family::ipv4 ? "203.0.113." : "2001:db8::") +
                std::to_string(index));
}

struct Packet {
  model::Prefix source;
  model::Prefix destination;
  std::uint16_t source_port;
  std::uint16_t port;
  model::Protocol protocol;
};

/// What the cloud knows and the evaluator does not: which addresses a tag stands for.
using Tags = std::map<std::string, std::vector<int>>;

inline bool holds(const model::Endpoint& end, const model::Prefix& one, const Tags& tags) {
  if (end.any) return true;
  for (const model::Prefix& each : end.prefixes) {
    if (contains(each, one)) return true;
  }
  for (const std::string& name : end.tags) {
    for (const int index : tags.at(name)) {
      if (address(one.family, index) == one) return true;
    }
  }
  return false;
}

inline bool holds(const std::vector<model::PortRange>& ranges, std::uint16_t number) {
  return std::ranges::any_of(ranges, [&](const model::PortRange& range) {
    return range.first <= number && number <= range.last;
  });
}

inline bool passes(const model::SecurityGroup& group, const Packet& packet, const Tags& tags) {
  std::vector<const model::SecurityRule*> rules;
  for (const auto& rule : group.rules) rules.push_back(&rule);
  for (const auto& rule : group.default_rules) rules.push_back(&rule);
  const model::SecurityRule* first = nullptr;
  for (const model::SecurityRule* rule : rules) {
    if (rule->direction != model::Direction::inbound) continue;
    if (rule->protocol != model::Protocol::any && rule->protocol != packet.protocol) continue;
    if (!holds(rule->source, packet.source, tags)) continue;
    if (!holds(rule->destination, packet.destination, tags)) continue;
    if (!holds(rule->source_ports, packet.source_port)) continue;
    if (!holds(rule->destination_ports, packet.port)) continue;
    if (first == nullptr || rule->priority < first->priority) first = rule;
  }
  return first != nullptr && first->access == model::Access::allow;
}

}  // namespace portcullis::plan
