#include "cloud/nsg_json.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>
#include <vector>

#include "cloud/excerpt.hpp"
#include "model/prefix.hpp"
#include "model/resource_id.hpp"

namespace portcullis::cloud {
namespace {

using model::Endpoint;
using model::PortRange;
using model::SecurityGroup;
using model::SecurityRule;

/// The names of the members that describe one side of a rule.
struct EndpointNames {
  std::string_view prefix;
  std::string_view prefixes;
  std::string_view groups;
};

constexpr EndpointNames source_names = {"sourceAddressPrefix", "sourceAddressPrefixes",
                                        "sourceApplicationSecurityGroups"};
constexpr EndpointNames destination_names = {"destinationAddressPrefix",
                                             "destinationAddressPrefixes",
                                             "destinationApplicationSecurityGroups"};

template <typename T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  const auto rest = std::ranges::unique(values);
  values.erase(rest.begin(), rest.end());
}

/// The texts of a singular and a plural member together. ARM leaves an unused singular out (older
/// answers have "") and an unused plural empty. Nothing if a member is of another type.
std::optional<std::vector<std::string_view>> merged(json::Element from, std::string_view singular,
                                                    std::string_view plural) {
  std::vector<std::string_view> values;
  if (const auto one = json::member(from, singular)) {
    std::string_view value;
    if (one->get(value) != simdjson::SUCCESS) return std::nullopt;
    if (!value.empty()) values.push_back(value);
  }
  if (const auto many = json::member(from, plural)) {
    json::Array items;
    if (many->get(items) != simdjson::SUCCESS) return std::nullopt;
    for (const json::Element item : items) {
      std::string_view value;
      if (item.get(value) != simdjson::SUCCESS) return std::nullopt;
      values.push_back(value);
    }
  }
  return values;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "Internet", "AzureCloud.westeurope", "AzureDevOps".
bool is_service_tag(std::string_view text) {
  return !text.empty() && text.size() <= 128 && is_letter(text.front()) &&
         std::ranges::all_of(text, [](char c) {
           return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

void add_address(Endpoint& endpoint, std::string_view text) {
  if (text == "*") {
    endpoint.any = true;
  } else if (const auto prefix = model::parse_prefix(text)) {
    endpoint.prefixes.push_back(*prefix);
  } else if (is_service_tag(text)) {
    endpoint.tags.emplace_back(text);
  } else {
    endpoint.unread.push_back(excerpt(text, 100));
  }
}

/// Nothing if a member is of an unknown shape or the side says nothing at all.
std::optional<Endpoint> read_endpoint(json::Element properties, const EndpointNames& names) {
  const auto addresses = merged(properties, names.prefix, names.prefixes);
  if (!addresses) return std::nullopt;
  Endpoint endpoint;
  for (const std::string_view address : *addresses) add_address(endpoint, address);
  if (const auto groups = json::member(properties, names.groups)) {
    json::Array items;
    if (groups->get(items) != simdjson::SUCCESS) return std::nullopt;
    for (const json::Element item : items) {
      const auto id = json::text(item, "id");
      if (!id || id->empty()) return std::nullopt;
      endpoint.groups.push_back(model::resource_key(*id));
    }
  }
  if (addresses->empty() && endpoint.groups.empty()) return std::nullopt;
  if (endpoint.any) return Endpoint{.any = true};
  sort_unique(endpoint.prefixes);
  sort_unique(endpoint.tags);
  sort_unique(endpoint.groups);
  sort_unique(endpoint.unread);
  return endpoint;
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<PortRange> read_port_range(std::string_view text) {
  if (text == "*") return PortRange{};
  const auto dash = text.find('-');
  const auto first = read_port(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : read_port(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return PortRange{*first, *last};
}

std::optional<std::vector<PortRange>> read_ports(json::Element properties,
                                                 std::string_view singular,
                                                 std::string_view plural) {
  const auto texts = merged(properties, singular, plural);
  if (!texts || texts->empty()) return std::nullopt;
  std::vector<PortRange> ranges;
  for (const std::string_view text : *texts) {
    const auto range = read_port_range(text);
    if (!range) return std::nullopt;
    ranges.push_back(*range);
  }
  if (std::ranges::any_of(ranges, &PortRange::is_all)) return std::vector{PortRange{}};
  sort_unique(ranges);
  return ranges;
}

std::optional<model::Access> read_access(std::string_view text) {
  const std::string word = model::ascii_lower(text);
  if (word == "allow") return model::Access::allow;
  if (word == "deny") return model::Access::deny;
  return std::nullopt;
}

std::optional<model::Direction> read_direction(std::string_view text) {
  const std::string word = model::ascii_lower(text);
  if (word == "inbound") return model::Direction::inbound;
  if (word == "outbound") return model::Direction::outbound;
  return std::nullopt;
}

std::optional<model::Protocol> read_protocol(std::string_view text) {
  const std::string word = model::ascii_lower(text);
  if (word == "*") return model::Protocol::any;
  if (word == "tcp") return model::Protocol::tcp;
  if (word == "udp") return model::Protocol::udp;
  if (word == "icmp") return model::Protocol::icmp;
  if (word == "esp") return model::Protocol::esp;
  if (word == "ah") return model::Protocol::ah;
  return std::nullopt;
}

/// Writes what was read, or marks the rule.
template <typename T>
void keep(SecurityRule& rule, T& into, std::optional<T> value) {
  if (value) {
    into = std::move(*value);
  } else {
    rule.readable = false;
  }
}

tl::unexpected<Error> malformed(std::string what) {
  return fail(Error::Kind::malformed, "network security group: " + std::move(what));
}

Result<std::vector<SecurityRule>> read_rules(json::Element properties, std::string_view name) {
  const auto items = json::array(properties, name);
  if (!items) return malformed("no list of " + std::string(name));
  std::vector<SecurityRule> rules;
  for (const json::Element item : *items) {
    auto rule = read_rule(item);
    if (!rule) return fail(rule.error());
    rules.push_back(std::move(*rule));
  }
  std::ranges::sort(rules, {}, [](const SecurityRule& rule) {
    return std::tie(rule.priority, rule.direction, rule.name);
  });
  return rules;
}

}  // namespace

Result<SecurityRule> read_rule(json::Element element) {
  constexpr std::int64_t highest_priority = 65535;
  const auto name = json::text(element, "name");
  if (!name || name->empty()) return malformed("a rule without a name");
  const std::string quoted = "rule " + excerpt(*name, 80);
  const auto properties = json::member(element, "properties");
  if (!properties || !properties->is_object()) return malformed(quoted + " has no properties");
  const auto priority = json::member(*properties, "priority");
  std::int64_t number = 0;
  if (!priority || priority->get(number) != simdjson::SUCCESS || number < 0 ||
      number > highest_priority) {
    return malformed(quoted + " has no readable priority");
  }

  SecurityRule rule;
  rule.name = *name;
  rule.description = json::text(*properties, "description").value_or("");
  rule.priority = static_cast<int>(number);
  const auto word = [&](std::string_view member) {
    return json::text(*properties, member).value_or("");
  };
  keep(rule, rule.access, read_access(word("access")));
  keep(rule, rule.direction, read_direction(word("direction")));
  keep(rule, rule.protocol, read_protocol(word("protocol")));
  keep(rule, rule.source, read_endpoint(*properties, source_names));
  keep(rule, rule.destination, read_endpoint(*properties, destination_names));
  keep(rule, rule.source_ports, read_ports(*properties, "sourcePortRange", "sourcePortRanges"));
  keep(rule, rule.destination_ports,
       read_ports(*properties, "destinationPortRange", "destinationPortRanges"));
  // One without a state is complete, as everywhere in ARM.
  const std::string_view state = word("provisioningState");
  if (model::ascii_lower(state) != "succeeded") rule.unsettled = excerpt(state, 40);
  return rule;
}

Result<ListedGroup> read_listed_group(json::Element element) {
  const auto id = json::text(element, "id");
  if (!id || id->empty()) return malformed("no id");
  ListedGroup group{.id = std::string(*id)};
  group.etag = json::text(element, "etag").value_or("");
  const auto properties = json::member(element, "properties");
  const auto rules = properties ? json::array(*properties, "securityRules") : std::nullopt;
  if (!rules) return group;
  for (const json::Element rule : *rules) {
    const auto name = json::text(rule, "name");
    if (!name) continue;
    const auto of_rule = json::member(rule, "properties");
    const auto description = of_rule ? json::text(*of_rule, "description") : std::nullopt;
    group.rules.push_back(
        {.name = std::string(*name), .description = std::string(description.value_or(""))});
  }
  return group;
}

Result<SecurityGroup> read_group(json::Element element) {
  const auto id = json::text(element, "id");
  if (!id || id->empty()) return malformed("no id");
  const auto properties = json::member(element, "properties");
  if (!properties || !properties->is_object()) return malformed("no properties");
  auto rules = read_rules(*properties, "securityRules");
  if (!rules) return fail(rules.error());
  auto default_rules = read_rules(*properties, "defaultSecurityRules");
  if (!default_rules) return fail(default_rules.error());

  SecurityGroup group;
  group.id = *id;
  group.location = json::text(element, "location").value_or("");
  group.etag = json::text(element, "etag").value_or("");
  group.provisioning_state = json::text(*properties, "provisioningState").value_or("");
  group.rules = std::move(*rules);
  group.default_rules = std::move(*default_rules);
  return group;
}

}  // namespace portcullis::cloud
