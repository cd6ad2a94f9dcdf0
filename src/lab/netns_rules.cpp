#include "lab/netns_rules.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>
#include <utility>

namespace portcullis::lab::netns {
namespace {

using Strings = std::vector<std::string>;

/// Where the health probes of Azure's load balancer come from.
std::vector<Prefix> load_balancer() {
  return {*parse_prefix("168.63.129.16"), *parse_prefix("fe80::1234:5678:9abc")};
}

std::string text_of(const nlohmann::json& properties, const char* member) {
  const auto found = properties.find(member);
  return found != properties.end() && found->is_string() ? found->get<std::string>() : "";
}

/// ARM writes one value into the singular member and several into the plural one.
Strings values_of(const nlohmann::json& properties, const std::string& singular,
                  const std::string& plural) {
  Strings values;
  if (auto value = text_of(properties, singular.c_str()); !value.empty()) values.push_back(value);
  const auto list = properties.find(plural);
  if (list == properties.end() || !list->is_array()) return values;
  for (const auto& value : *list) {
    if (value.is_string()) values.push_back(value.get<std::string>());
  }
  return values;
}

Strings ids_of(const nlohmann::json& properties, const char* member) {
  Strings ids;
  const auto list = properties.find(member);
  if (list == properties.end() || !list->is_array()) return ids;
  for (const auto& group : *list) {
    if (group.is_object()) ids.push_back(text_of(group, "id"));
  }
  return ids;
}

std::optional<PortRange> parse_ports(const std::string& text) {
  PortRange range;
  const char* const last = text.data() + text.size();
  auto [end, error] = std::from_chars(text.data(), last, range.from);
  if (error != std::errc{}) return std::nullopt;
  range.to = range.from;
  if (end != last) {
    if (*end != '-') return std::nullopt;
    std::tie(end, error) = [&] {
      const auto result = std::from_chars(end + 1, last, range.to);
      return std::pair{result.ptr, result.ec};
    }();
    if (error != std::errc{} || end != last) return std::nullopt;
  }
  if (range.to < range.from) return std::nullopt;
  return range;
}

std::vector<PortRange> merged(std::vector<PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const PortRange& a, const PortRange& b) { return a.from < b.from; });
  std::vector<PortRange> kept;
  for (const PortRange& range : ranges) {
    if (!kept.empty() && range.from <= kept.back().to + 1) {
      kept.back().to = std::max(kept.back().to, range.to);
    } else {
      kept.push_back(range);
    }
  }
  return kept;
}

/// Nothing if no port matches; empty if all do.
std::optional<std::vector<PortRange>> ports_of(const Strings& values) {
  std::vector<PortRange> ranges;
  for (const auto& value : values) {
    if (value == "*") return std::vector<PortRange>{};
    if (const auto range = parse_ports(value)) ranges.push_back(*range);
  }
  if (ranges.empty()) return std::nullopt;
  ranges = merged(std::move(ranges));
  if (ranges.front() == PortRange{.from = 0, .to = 65535}) ranges.clear();
  return ranges;
}

bool holds(const Strings& ids, const std::string& id) {
  return std::any_of(ids.begin(), ids.end(),
                     [&](const std::string& one) { return same_name(one, id); });
}

void add_members(Sources& sources, const World& world, const Strings& groups) {
  if (groups.empty()) return;
  for (const Interface& nic : world.interfaces) {
    for (const IpConfiguration& configuration : nic.configurations) {
      const auto& own = configuration.application_groups;
      if (std::none_of(own.begin(), own.end(),
                       [&](const std::string& id) { return holds(groups, id); })) {
        continue;
      }
      if (const auto address = parse_address(configuration.private_address)) {
        sources.prefixes.push_back(only(*address));
      }
    }
  }
}

void add(std::vector<Prefix>& all, const std::vector<Prefix>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

Sources sources_of(const Strings& values, const Way& way) {
  Sources sources;
  for (const auto& value : values) {
    if (value == "*") {
      sources.any = true;
    } else if (same_name(value, "VirtualNetwork")) {
      add(sources.prefixes, way.virtual_network);
    } else if (same_name(value, "AzureLoadBalancer")) {
      add(sources.prefixes, load_balancer());
    } else if (same_name(value, "Internet")) {
      auto inside = way.virtual_network;
      add(inside, load_balancer());
      sources.all_but = disjoint(std::move(inside));
    } else if (const auto prefix = parse_prefix(value)) {
      sources.prefixes.push_back(*prefix);
    }
  }
  return sources;
}

bool goes_to(const Strings& values, const Strings& groups, const Way& way) {
  const auto by_value = std::any_of(values.begin(), values.end(), [&](const std::string& value) {
    if (value == "*") return true;
    if (same_name(value, "VirtualNetwork")) return contains(way.virtual_network, way.address);
    const auto prefix = parse_prefix(value);
    return prefix && prefix->contains(way.address);
  });
  return by_value || std::any_of(way.application_groups.begin(), way.application_groups.end(),
                                 [&](const std::string& id) { return holds(groups, id); });
}

/// Nothing if the rule cannot match a packet for this way.
std::optional<InboundRule> read(const World& world, const Rule& rule, const Way& way) {
  const auto& properties = rule.properties;
  if (!properties.is_object()) return std::nullopt;
  if (!same_name(text_of(properties, "direction"), "Inbound")) return std::nullopt;
  if (!goes_to(values_of(properties, "destinationAddressPrefix", "destinationAddressPrefixes"),
               ids_of(properties, "destinationApplicationSecurityGroups"), way)) {
    return std::nullopt;
  }
  const auto protocol = parse_protocol(text_of(properties, "protocol"));
  const auto from = ports_of(values_of(properties, "sourcePortRange", "sourcePortRanges"));
  const auto to = ports_of(values_of(properties, "destinationPortRange", "destinationPortRanges"));
  const auto priority = properties.find("priority");
  if (!protocol || !from || !to || priority == properties.end() || !priority->is_number_integer()) {
    return std::nullopt;
  }
  auto sources =
      sources_of(values_of(properties, "sourceAddressPrefix", "sourceAddressPrefixes"), way);
  add_members(sources, world, ids_of(properties, "sourceApplicationSecurityGroups"));
  sources.prefixes = disjoint(std::move(sources.prefixes));
  return InboundRule{.name = rule.name,
                     .priority = priority->get<int>(),
                     .allow = same_name(text_of(properties, "access"), "Allow"),
                     .protocol = *protocol,
                     .sources = std::move(sources),
                     .source_ports = *from,
                     .ports = *to};
}

bool within(const std::vector<PortRange>& ranges, std::uint16_t port) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const PortRange& range) {
    return range.from <= port && port <= range.to;
  });
}

}  // namespace

std::optional<Protocol> parse_protocol(const std::string& text) {
  for (const auto& [word, protocol] : std::map<std::string, Protocol>{{"*", Protocol::any},
                                                                      {"Tcp", Protocol::tcp},
                                                                      {"Udp", Protocol::udp},
                                                                      {"Icmp", Protocol::icmp},
                                                                      {"Esp", Protocol::esp},
                                                                      {"Ah", Protocol::ah}}) {
    if (same_name(text, word)) return protocol;
  }
  return std::nullopt;
}

std::vector<InboundRule> inbound_rules(const World& world, const SecurityGroup& group,
                                       const Way& way) {
  std::vector<InboundRule> rules;
  for (const Rule& rule : group.rules) {
    if (auto inbound = read(world, rule, way)) rules.push_back(std::move(*inbound));
  }
  if (contains(way.virtual_network, way.address)) {
    rules.push_back({.name = "AllowVnetInBound",
                     .priority = 65000,
                     .allow = true,
                     .sources = {.prefixes = way.virtual_network}});
  }
  rules.push_back({.name = "AllowAzureLoadBalancerInBound",
                   .priority = 65001,
                   .allow = true,
                   .sources = {.prefixes = load_balancer()}});
  rules.push_back({.name = "DenyAllInBound", .priority = 65500, .sources = {.any = true}});
  // Priorities are unique where ARM checked them; the name keeps hand-made worlds deterministic.
  std::sort(rules.begin(), rules.end(), [](const InboundRule& a, const InboundRule& b) {
    return std::tie(a.priority, a.name) < std::tie(b.priority, b.name);
  });
  return rules;
}

bool matches(const InboundRule& rule, const Flow& flow) {
  if (rule.protocol != Protocol::any && rule.protocol != flow.protocol) return false;
  const auto& sources = rule.sources;
  if (!sources.any && !contains(sources.prefixes, flow.source) &&
      !(sources.all_but && !contains(*sources.all_but, flow.source))) {
    return false;
  }
  const bool has_ports = flow.protocol == Protocol::tcp || flow.protocol == Protocol::udp;
  if (!rule.ports.empty() && !(has_ports && within(rule.ports, flow.port))) return false;
  return rule.source_ports.empty() || (has_ports && within(rule.source_ports, flow.source_port));
}

}  // namespace portcullis::lab::netns
