#include "lab/netns_filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "lab/netns_rules.hpp"
#include "lab/netns_ways.hpp"

namespace portcullis::lab::netns {
namespace {

constexpr const char* kRefuse =
    "    meta l4proto tcp reject with tcp reset\n"
    "    reject with icmpx type admin-prohibited\n";

/// Names from the world are only shown, and never trusted to be harmless inside quotes.
std::string comment(const std::string& name) {
  std::string text = name.substr(0, 120);
  std::replace_if(
      text.begin(), text.end(),
      [](char letter) {
        return std::isalnum(static_cast<unsigned char>(letter)) == 0 &&
               std::string("-_./:").find(letter) == std::string::npos;
      },
      '?');
  return fmt::format("comment \"{}\"", text);
}

template <typename Range, typename Write>
std::string set_of(const Range& values, Write write) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ", ") + write(value);
  return "{ " + text + " }";
}

std::string prefix_set(const std::vector<Prefix>& prefixes) {
  return set_of(prefixes, [](const Prefix& prefix) { return to_string(prefix); });
}

std::string port_set(const std::vector<PortRange>& ranges) {
  return set_of(ranges, [](const PortRange& range) {
    return range.from == range.to ? std::to_string(range.from)
                                  : fmt::format("{}-{}", range.from, range.to);
  });
}

std::vector<Prefix> of_family(const std::vector<Prefix>& prefixes, bool v6) {
  std::vector<Prefix> own;
  std::copy_if(prefixes.begin(), prefixes.end(), std::back_inserter(own),
               [&](const Prefix& prefix) { return prefix.address.v6 == v6; });
  return own;
}

/// The matches on the source, of which one must hold: each ends in a blank or is empty ("anybody").
std::vector<std::string> source_matches(const Sources& sources, bool v6) {
  if (sources.any) return {""};
  const std::string saddr = v6 ? "ip6 saddr " : "ip saddr ";
  std::vector<std::string> matches;
  const auto prefixes = of_family(sources.prefixes, v6);
  if (!prefixes.empty() && prefixes.front().length == 0) return {""};
  if (!prefixes.empty()) matches.push_back(saddr + prefix_set(prefixes) + " ");
  if (sources.all_but) {
    const auto outside = of_family(*sources.all_but, v6);
    if (outside.empty()) return {""};
    if (outside.front().length > 0) matches.push_back(saddr + "!= " + prefix_set(outside) + " ");
  }
  return matches;
}

/// Nothing if no packet can match.
std::optional<std::string> protocol_match(const InboundRule& rule, bool v6) {
  const bool has_ports = !rule.ports.empty() || !rule.source_ports.empty();
  std::string match;
  switch (rule.protocol) {
    case Protocol::any:
      match = has_ports ? "meta l4proto { tcp, udp } " : "";
      break;
    case Protocol::tcp:
      match = "meta l4proto tcp ";
      break;
    case Protocol::udp:
      match = "meta l4proto udp ";
      break;
    case Protocol::icmp:
      // 58 is ipv6-icmp, a name that nft finds in /etc/protocols only, which minimal systems lack.
      match = v6 ? "meta l4proto 58 " : "meta l4proto icmp ";
      break;
    case Protocol::esp:
      match = "meta l4proto esp ";
      break;
    case Protocol::ah:
      match = "meta l4proto ah ";
      break;
  }
  const bool may_have_ports = rule.protocol == Protocol::any || rule.protocol == Protocol::tcp ||
                              rule.protocol == Protocol::udp;
  if (has_ports && !may_have_ports) return std::nullopt;
  if (!rule.source_ports.empty()) match += "th sport " + port_set(rule.source_ports) + " ";
  if (!rule.ports.empty()) match += "th dport " + port_set(rule.ports) + " ";
  return match;
}

std::string rule_lines(const InboundRule& rule, bool v6, OnDeny on_deny) {
  const auto protocol = protocol_match(rule, v6);
  if (!protocol) return "";
  const char* const verdict = rule.allow                  ? "return"
                              : on_deny == OnDeny::refuse ? "goto refuse"
                                                          : "drop";
  std::string lines;
  for (const auto& source : source_matches(rule.sources, v6)) {
    lines += fmt::format("    {}{}{} {}\n", source, *protocol, verdict,
                         comment(fmt::format("{}/{}", rule.priority, rule.name)));
  }
  return lines;
}

bool flushes(const SecurityGroup* group) { return group->flush_connection.value_or(false); }

bool flushes(const Way& way) {
  return std::any_of(way.groups.begin(), way.groups.end(),
                     [](const SecurityGroup* group) { return flushes(group); });
}

std::string way_chains(const World& world, const Way& way, std::size_t number, OnDeny on_deny) {
  std::string groups;
  std::string fresh =
      fmt::format("  chain way_{} {{ {}\n", number, comment(to_string(way.address)));
  std::string established = fmt::format("  chain way_{}_established {{\n", number);
  for (std::size_t i = 0; i < way.groups.size(); ++i) {
    const auto chain = fmt::format("way_{}_nsg_{}", number, i + 1);
    groups += fmt::format("  chain {} {{ {}\n", chain, comment(way.groups[i]->name));
    for (const auto& rule : inbound_rules(world, *way.groups[i], way)) {
      groups += rule_lines(rule, way.address.v6, on_deny);
    }
    groups += "  }\n";
    fresh += fmt::format("    jump {}\n", chain);
    if (flushes(way.groups[i])) established += fmt::format("    jump {}\n", chain);
  }
  fresh += way.broken.empty() ? "    accept\n" : fmt::format("    drop {}\n", comment(way.broken));
  if (flushes(way)) groups += established + "    accept\n  }\n";
  return groups + fresh + "  }\n";
}

/// A flow is judged once, when it is new. Where an NSG has flushConnection, it judges also what
/// comes later from the one who began it. Neighbour discovery is the cable, not traffic.
std::string input_chain(const std::vector<Way>& ways) {
  std::string flushed;
  std::string fresh;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto match =
        fmt::format("{} daddr {}", ways[i].address.v6 ? "ip6" : "ip", to_string(ways[i].address));
    if (flushes(ways[i])) {
      flushed +=
          fmt::format("    ct state established ct direction original {} goto way_{}_established\n",
                      match, i + 1);
    }
    fresh += fmt::format("    {} goto way_{}\n", match, i + 1);
  }
  return flushed +
         "    ct state established,related accept\n"
         "    iifname lo accept\n"
         "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n" +
         fresh;
}

}  // namespace

std::string compile_filter(const World& world, const Machine& machine, OnDeny on_deny) {
  std::string chains;
  std::string input = "  chain input {\n    type filter hook input priority filter; policy drop;\n";
  if (machine.running) {
    const auto ways = ways_to(world, machine);
    for (std::size_t i = 0; i < ways.size(); ++i) {
      chains += way_chains(world, ways[i], i + 1, on_deny);
    }
    input += input_chain(ways);
  }
  if (on_deny == OnDeny::refuse)
    chains = std::string("  chain refuse {\n") + kRefuse + "  }\n" + chains;
  // Naming the table first makes the delete succeed when there is none yet.
  return "table inet portcullis\ndelete table inet portcullis\ntable inet portcullis {\n" + chains +
         input + "  }\n}\n";
}

}  // namespace portcullis::lab::netns
