#include "lab/judge.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "lab/netns_rules.hpp"
#include "lab/netns_ways.hpp"

namespace portcullis::lab {
namespace {

using netns::Address;
using netns::Flow;
using netns::Way;

Verdict judge_group(const World& world, const SecurityGroup& group, const Way& way,
                    const Flow& flow) {
  const auto rules = inbound_rules(world, group, way);
  // There is one: the last default rule matches everything.
  const auto first = std::find_if(rules.begin(), rules.end(),
                                  [&](const auto& rule) { return matches(rule, flow); });
  return {.allowed = first->allow, .by = group.name + "/" + first->name};
}

Verdict judge_way(const World& world, const Way& way, const Flow& flow) {
  if (!way.broken.empty()) return {.by = way.broken};
  Verdict all{.allowed = true};
  for (const auto* group : way.groups) {
    Verdict one = judge_group(world, *group, way, flow);
    if (!one.allowed) return one;
    all.by += (all.by.empty() ? "" : ", ") + one.by;
  }
  if (all.by.empty()) all.by = "no NSG";
  return all;
}

bool is_called(const Machine& machine, const std::string& name) {
  return netns::same_name(machine.name, name) ||
         netns::same_name(machine.resource_group + "/" + machine.name, name);
}

/// The ways that `target` means; `why` says why there is none.
std::vector<Way> ways_meant(const World& world, const std::string& target, std::string& why) {
  const auto address = netns::parse_address(target);
  std::vector<Way> meant;
  const Machine* named = nullptr;
  for (const Machine& machine : world.machines) {
    if (!address && !is_called(machine, target)) continue;
    if (!address && named != nullptr) {
      why = "two machines are called " + target;
      return {};
    }
    named = &machine;
    for (Way& way : netns::ways_to(world, machine)) {
      if (!address || way.address == *address || way.public_address == *address) {
        meant.push_back(std::move(way));
      }
    }
  }
  if (meant.empty()) {
    why = address            ? "no machine has the address " + target
          : named == nullptr ? "no machine is called " + target
                             : target + " has no address";
  }
  return meant;
}

}  // namespace

Verdict judge(const World& world, const std::string& from_address, const std::string& machine,
              std::uint16_t port, const std::string& protocol) {
  const auto source = netns::parse_address(from_address);
  if (!source) return {.by = "not an address: " + from_address};
  const auto parsed = netns::parse_protocol(protocol);
  if (!parsed || *parsed == netns::Protocol::any) return {.by = "not a protocol: " + protocol};

  std::string why;
  const auto ways = ways_meant(world, machine, why);
  if (ways.empty()) return {.by = why};

  const Flow flow{.source = *source, .protocol = *parsed, .port = port};
  std::optional<Verdict> verdict;
  for (const Way& way : ways) {
    if (way.address.v6 != source->v6) continue;
    Verdict one = judge_way(world, way, flow);
    if (one.allowed) return one;
    if (!verdict) verdict = std::move(one);
  }
  if (verdict) return *verdict;
  return {.by = machine + " has no " + (source->v6 ? "IPv6" : "IPv4") + " address there"};
}

}  // namespace portcullis::lab
