#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/security_rule.hpp"

/// Rules and groups in few words, for tests of the planner and the evaluator.
namespace portcullis::plan {

inline model::Prefix prefix(std::string_view text) { return model::parse_prefix(text).value(); }

inline std::vector<model::Prefix> prefixes(const std::vector<std::string>& texts) {
  std::vector<model::Prefix> list;
  for (const std::string& text : texts) list.push_back(prefix(text));
  return list;
}

inline model::PrefixSet addresses_of(const std::vector<std::string>& texts) {
  return model::PrefixSet::of(prefixes(texts));
}

inline model::PortRange port(std::uint16_t number) { return {.first = number, .last = number}; }

inline model::Endpoint from(const std::vector<std::string>& texts) {
  return {.prefixes = prefixes(texts)};
}

inline model::Endpoint anywhere() { return {.any = true}; }

inline model::Endpoint tag(std::string name) { return {.tags = {std::move(name)}}; }

inline model::SecurityRule make_rule(std::string name, int priority, model::Access access,
                                     model::Endpoint source, model::Endpoint destination,
                                     std::vector<model::PortRange> ports = {model::PortRange{}},
                                     model::Protocol protocol = model::Protocol::any) {
  return {.name = std::move(name),
          .priority = priority,
          .access = access,
          .protocol = protocol,
          .source = std::move(source),
          .destination = std::move(destination),
          .destination_ports = std::move(ports)};
}

inline std::vector<model::SecurityRule> default_rules() {
  using model::Access;
  return {make_rule("AllowVnetInBound", 65000, Access::allow, tag("VirtualNetwork"),
                    tag("VirtualNetwork")),
          make_rule("AllowAzureLoadBalancerInBound", 65001, Access::allow, tag("AzureLoadBalancer"),
                    anywhere()),
          make_rule("DenyAllInBound", 65500, Access::deny, anywhere(), anywhere())};
}

inline model::SecurityGroup group_of(std::vector<model::SecurityRule> rules,
                                     std::string id = "nsg") {
  return {.id = std::move(id), .rules = std::move(rules), .default_rules = default_rules()};
}

}  // namespace portcullis::plan
