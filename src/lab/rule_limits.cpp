#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "lab/names.hpp"
#include "lab/rule_form.hpp"
#include "lab/wire.hpp"

namespace portcullis::lab {
namespace {

constexpr std::size_t max_rules = 1000;
constexpr std::size_t max_prefixes = 4000;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::size_t values_of(const Rule& rule, const char* singular, const char* plural) {
  std::size_t count = rule.properties.contains(singular) ? 1 : 0;
  if (rule.properties.contains(plural)) count += rule.properties[plural].size();
  return count;
}

}  // namespace

std::optional<net::Response> refuse_rule_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 80 && is_word(name.front()) &&
                    (is_word(name.back()) || name.back() == '_') &&
                    std::ranges::all_of(name, [](char c) {
                      return is_word(c) || c == '_' || c == '.' || c == '-';
                    });
  if (good) return std::nullopt;
  return arm_error(400, "InvalidResourceName",
                   fmt::format("Resource name {} is invalid. The name can be up to 80 characters "
                               "long. It must begin with a word character, and it must end with a "
                               "word character or with '_'. The name may contain word characters "
                               "or '.', '-', '_'.",
                               name),
                   Json::array());
}

tl::expected<Json, net::Response> read_rule_body(const Json& body, const std::string& id,
                                                 const std::string& name) {
  if (!body.is_object()) {
    return tl::unexpected<net::Response>(unreadable("The body is no object. Path ''."));
  }
  constexpr std::array known = {"id", "name", "type", "etag", "properties"};
  for (const auto& [member, value] : body.items()) {
    if (std::ranges::find(known, member) == known.end()) {
      return tl::unexpected<net::Response>(unknown_member(member, "SecurityRule", member));
    }
  }
  if (body.contains("name") && body["name"].is_string() &&
      !same_name(body["name"].get<std::string>(), name)) {
    return tl::unexpected<net::Response>(
        arm_error(400, "MismatchingResourceName",
                  fmt::format("The provided resource name '{}' did not match the name in the Url "
                              "'{}'.",
                              body["name"].get<std::string>(), name),
                  Json::array()));
  }
  return normalise_rule(body.value("properties", Json()), id);
}

void drop_host_lengths(Json& properties) {
  const auto shorten = [](Json& value) {
    auto text = value.get<std::string>();
    for (const std::string_view suffix : {"/32", "/128"}) {
      const bool v6 = text.find(':') != std::string::npos;
      if (text.ends_with(suffix) && v6 == (suffix == "/128")) {
        value = text.substr(0, text.size() - suffix.size());
        return;
      }
    }
  };
  for (const char* member : {"sourceAddressPrefix", "destinationAddressPrefix"}) {
    if (properties.contains(member)) shorten(properties[member]);
  }
  for (const char* member : {"sourceAddressPrefixes", "destinationAddressPrefixes"}) {
    for (Json& value : properties[member]) shorten(value);
  }
}

std::optional<net::Response> refuse_group(const World& world, const SecurityGroup& group,
                                          const std::string& changed) {
  std::map<std::pair<std::string, std::int64_t>, std::string> taken;
  for (const Rule& rule : group.rules) {
    if (rule.properties.value("provisioningState", "") == "Deleting") continue;
    const std::pair slot{rule.properties.value("direction", ""),
                         rule.properties.value("priority", std::int64_t{0})};
    const auto [other, is_free] = taken.emplace(slot, rule.name);
    if (is_free) continue;
    const bool first_is_changed = same_name(other->second, changed);
    return arm_error(
        400, "SecurityRuleConflict",
        fmt::format("Security rule {} conflicts with rule {}. Rules cannot have the same Priority "
                    "and Direction. To learn more, see aka.ms/nsgrules.",
                    first_is_changed ? other->second : rule.name,
                    first_is_changed ? rule.name : other->second),
        Json::array());
  }
  if (group.rules.size() > max_rules) {
    return arm_error(400, "SecurityRuleCountLimitReached",
                     "A security group cannot have more than 1000 security rules.", Json::array());
  }
  struct Limited {
    const char* singular;
    const char* plural;
    const char* spoken;
  };
  constexpr std::array limits = {
      Limited{"sourceAddressPrefix", "sourceAddressPrefixes", "SourceAddressPrefixes"},
      Limited{"destinationAddressPrefix", "destinationAddressPrefixes",
              "DestinationAddressPrefixes"},
      Limited{"sourcePortRange", "sourcePortRanges", "SourcePortRanges"},
      Limited{"destinationPortRange", "destinationPortRanges", "DestinationPortRanges"}};
  for (const Limited& limited : limits) {
    std::size_t count = 0;
    for (const Rule& rule : group.rules) count += values_of(rule, limited.singular, limited.plural);
    if (count <= max_prefixes) continue;
    return arm_error(
        400, "SecurityRuleAddressesOrPortsPerSecurityGroupLimitReached",
        fmt::format("Network security group {} has {} {}. A security group cannot "
                    "have more than {} {} as per the limit "
                    "MaxSecurityRuleAddressesOrPortsPerSecurityGroup.",
                    id_of(world, group), count, limited.spoken, max_prefixes, limited.spoken),
        Json::array());
  }
  return std::nullopt;
}

}  // namespace portcullis::lab
