#include "lab/rule_form.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "lab/address.hpp"
#include "lab/names.hpp"
#include "lab/service_tags.hpp"
#include "lab/wire.hpp"

// Error codes are those seen in reports of users of the real service, where one was found. That of
// an over-long description is a guess: the class (400) is not.

namespace portcullis::lab {
namespace {

using Checked = tl::expected<Json, net::Response>;

tl::unexpected<net::Response> refuse(std::string_view code, const std::string& message) {
  return tl::unexpected<net::Response>(arm_error(400, code, message, Json::array()));
}

/// One pair of a singular and a plural member.
struct Side {
  const char* singular;
  const char* plural;
  const char* groups;  ///< the application security groups that may stand instead, or nullptr
  const char* spoken;  ///< the singular as messages spell it
  bool addresses;
};

constexpr std::array sides = {
    Side{"sourcePortRange", "sourcePortRanges", nullptr, "SourcePortRange", false},
    Side{"destinationPortRange", "destinationPortRanges", nullptr, "DestinationPortRange", false},
    Side{"sourceAddressPrefix", "sourceAddressPrefixes", "sourceApplicationSecurityGroups",
         "SourceAddressPrefix", true},
    Side{"destinationAddressPrefix", "destinationAddressPrefixes",
         "destinationApplicationSecurityGroups", "DestinationAddressPrefix", true},
};

constexpr std::array known_properties = {
    "description", "protocol", "access", "priority", "direction", "provisioningState",
    // sides
    "sourcePortRange", "sourcePortRanges", "destinationPortRange", "destinationPortRanges",
    "sourceAddressPrefix", "sourceAddressPrefixes", "destinationAddressPrefix",
    "destinationAddressPrefixes", "sourceApplicationSecurityGroups",
    "destinationApplicationSecurityGroups"};

template <std::size_t N>
Checked read_enumeration(const Json& properties, const char* member,
                         const std::array<const char*, N>& values) {
  if (!properties.contains(member) || properties[member].is_null()) {
    return tl::unexpected<net::Response>(unreadable(
        fmt::format("Required property '{}' not found in JSON. Path 'properties'.", member)));
  }
  const Json& value = properties[member];
  if (value.is_string()) {
    for (const char* known : values) {
      if (same_name(value.get<std::string>(), known)) return Json(known);
    }
  }
  return tl::unexpected<net::Response>(unreadable(
      fmt::format("Error converting value {} to type 'SecurityRule{}'. Path 'properties.{}'.",
                  value.dump(), member, member)));
}

bool is_port_range(const std::string& text) {
  if (text == "*") return true;
  const auto number = [](std::string_view part) -> std::optional<unsigned> {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value > 65535) {
      return std::nullopt;
    }
    return value;
  };
  const auto dash = text.find('-');
  if (dash == std::string::npos) return number(text).has_value();
  const auto from = number(std::string_view(text).substr(0, dash));
  const auto to = number(std::string_view(text).substr(dash + 1));
  return from && to && *from <= *to;
}

std::optional<net::Response> check_ports(const std::vector<std::string>& values, bool plural) {
  for (const std::string& value : values) {
    if (!is_port_range(value) || (plural && value == "*" && values.size() > 1)) {
      return refuse("SecurityRuleInvalidPortRange",
                    fmt::format("Security rule has invalid Port range. Value provided: {}. Value "
                                "should be an integer OR integer range with '-' delimiter. Valid "
                                "range 0-65535.",
                                value))
          .value();
    }
  }
  return std::nullopt;
}

std::optional<net::Response> check_addresses(const std::vector<std::string>& values, bool plural,
                                             const Side& side, const std::string& id) {
  std::vector<Address> seen;
  for (const std::string& value : values) {
    if (value == "*" || is_service_tag(value)) {
      if (!plural) continue;
      return refuse("SecurityRuleParameterContainsUnsupportedValue",
                    fmt::format("Security rule parameter {} for rule with Id {} cannot specify "
                                "existing VIRTUALNETWORK, INTERNET, AZURELOADBALANCER, '*' or "
                                "system tags. Unsupported value used: {}.",
                                side.spoken, id, value))
          .value();
    }
    const auto address = parse_address(value);
    if (!address || has_host_bits(*address)) {
      return refuse("SecurityRuleInvalidAddressPrefix",
                    fmt::format("Security rule {} has invalid Address prefix. Value provided: {}",
                                id, value))
          .value();
    }
    for (const Address& other : seen) {
      if (overlap(*address, other)) {
        return refuse("OverlappingSubnetsNotPermittedInSecurityRule",
                      fmt::format("Security rule parameter {} for rule with Id {} contains "
                                  "overlapping subnets. One of them: {}.",
                                  side.spoken, id, value))
            .value();
      }
    }
    seen.push_back(*address);
  }
  return std::nullopt;
}

/// Reads one side into `stored`; its values go to `prefixes` for the check of families.
std::optional<net::Response> read_side(const Json& properties, const Side& side,
                                       const std::string& id, Json& stored,
                                       std::vector<std::string>& prefixes) {
  std::vector<std::string> single;
  std::vector<std::string> many;
  if (properties.contains(side.singular) && !properties[side.singular].is_null()) {
    if (!properties[side.singular].is_string()) {
      return unreadable(fmt::format("Unexpected value. Path 'properties.{}'.", side.singular));
    }
    // The empty string counts as absent: clients send it beside a plural.
    if (const auto text = properties[side.singular].get<std::string>(); !text.empty()) {
      single.push_back(text);
    }
  }
  if (properties.contains(side.plural) && !properties[side.plural].is_null()) {
    const Json& list = properties[side.plural];
    if (!list.is_array() ||
        !std::ranges::all_of(list, [](const Json& item) { return item.is_string(); })) {
      return unreadable(fmt::format("Unexpected value. Path 'properties.{}'.", side.plural));
    }
    many = list.get<std::vector<std::string>>();
  }
  bool has_groups = false;
  if (side.groups != nullptr && properties.contains(side.groups) &&
      !properties[side.groups].is_null()) {
    const Json& list = properties[side.groups];
    const auto is_reference = [](const Json& item) {
      return item.is_object() && item.contains("id") && item["id"].is_string();
    };
    if (!list.is_array() || !std::ranges::all_of(list, is_reference)) {
      return unreadable(fmt::format("Unexpected value. Path 'properties.{}'.", side.groups));
    }
    if (!list.empty()) {
      has_groups = true;
      stored[side.groups] = list;
    }
  }
  if (!single.empty() && !many.empty()) {
    return arm_error(
        400, "SecurityRuleParametersConflict",
        fmt::format("Security rule with Id {} specifies both {} and its plural.", id, side.spoken),
        Json::array());
  }
  if (single.empty() && many.empty() && !has_groups) {
    return arm_error(
        400, "SecurityRuleParametersMissing",
        fmt::format("Required security rule parameters are missing for security rule with Id: {}. "
                    "Security rule must specify {}{} or {}.",
                    id, side.spoken, side.addresses ? "es" : "s", side.spoken),
        Json::array());
  }
  const std::vector<std::string>& values = single.empty() ? many : single;
  auto refused = side.addresses ? check_addresses(values, single.empty(), side, id)
                                : check_ports(values, single.empty());
  if (refused) return refused;
  if (!single.empty()) stored[side.singular] = single.front();
  stored[side.plural] = many;
  if (side.addresses) prefixes.insert(prefixes.end(), values.begin(), values.end());
  return std::nullopt;
}

std::optional<net::Response> check_families(const std::vector<std::string>& prefixes,
                                            const std::string& id) {
  bool v4 = false;
  bool v6 = false;
  for (const std::string& prefix : prefixes) {
    if (const auto address = parse_address(prefix)) (address->v6 ? v6 : v4) = true;
  }
  if (!v4 || !v6) return std::nullopt;
  return arm_error(400, "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies",
                   fmt::format("Resource {} contains IP addresses or prefixes that belong to "
                               "different address families. All IP addresses or prefixes in the "
                               "resource should belong to the same address family.",
                               id),
                   Json::array());
}

}  // namespace

net::Response unreadable(const std::string& message) {
  return arm_error(400, "InvalidRequestFormat", "Cannot parse the request.",
                   Json::array({{{"code", "InvalidJson"}, {"message", message}}}));
}

net::Response unknown_member(const std::string& member, const std::string& type,
                             const std::string& path) {
  return unreadable(fmt::format("Could not find member '{}' on object of type '{}'. Path '{}'.",
                                member, type, path));
}

tl::expected<Json, net::Response> normalise_rule(const Json& properties, const std::string& id) {
  if (!properties.is_object()) {
    return tl::unexpected<net::Response>(
        unreadable("Required property 'properties' not found in JSON. Path ''."));
  }
  for (const auto& [member, value] : properties.items()) {
    if (std::ranges::find(known_properties, member) == known_properties.end()) {
      return tl::unexpected<net::Response>(
          unknown_member(member, "SecurityRulePropertiesFormat", "properties." + member));
    }
  }
  Json stored = Json::object();
  if (properties.contains("description") && !properties["description"].is_null()) {
    if (!properties["description"].is_string()) {
      return tl::unexpected<net::Response>(
          unreadable("Unexpected value. Path 'properties.description'."));
    }
    const auto text = properties["description"].get<std::string>();
    if (text.size() > 140) {
      return refuse(
          "SecurityRuleDescriptionTooLong",
          fmt::format("Security rule {} has a description of more than 140 characters.", id));
    }
    stored["description"] = text;
  }
  const auto protocol =
      read_enumeration(properties, "protocol", std::array{"Tcp", "Udp", "Icmp", "Esp", "Ah", "*"});
  if (!protocol) return protocol;
  stored["protocol"] = *protocol;
  const auto access = read_enumeration(properties, "access", std::array{"Allow", "Deny"});
  if (!access) return access;
  stored["access"] = *access;
  const auto direction =
      read_enumeration(properties, "direction", std::array{"Inbound", "Outbound"});
  if (!direction) return direction;
  stored["direction"] = *direction;
  if (!properties.contains("priority") || !properties["priority"].is_number_integer()) {
    return tl::unexpected<net::Response>(
        unreadable("Required property 'priority' not found in JSON or no integer. Path "
                   "'properties.priority'."));
  }
  const auto priority = properties["priority"].get<std::int64_t>();
  if (priority < 100 || priority > 4096) {
    return refuse("SecurityRuleInvalidPriority",
                  fmt::format("Security rule has invalid Priority. Value provided: {} Allowed "
                              "range 100-4096.",
                              priority));
  }
  stored["priority"] = priority;
  std::vector<std::string> prefixes;
  for (const Side& side : sides) {
    if (auto refused = read_side(properties, side, id, stored, prefixes)) {
      return tl::unexpected<net::Response>(std::move(*refused));
    }
  }
  if (auto refused = check_families(prefixes, id)) {
    return tl::unexpected<net::Response>(std::move(*refused));
  }
  return stored;
}

}  // namespace portcullis::lab
