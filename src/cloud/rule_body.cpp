#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "cloud/nsg_json.hpp"
#include "model/prefix.hpp"

namespace portcullis::cloud {
namespace {

using model::Endpoint;
using model::PortRange;
using Json = nlohmann::json;

const char* protocol_text(model::Protocol protocol) {
  switch (protocol) {
    case model::Protocol::any:
      return "*";
    case model::Protocol::tcp:
      return "Tcp";
    case model::Protocol::udp:
      return "Udp";
    case model::Protocol::icmp:
      return "Icmp";
    case model::Protocol::esp:
      return "Esp";
    case model::Protocol::ah:
      return "Ah";
  }
  return "*";
}

void put_texts(Json& properties, const char* singular, const char* plural,
               const std::vector<std::string>& texts) {
  if (texts.size() == 1) {
    properties[singular] = texts.front();
  } else if (!texts.empty()) {
    properties[plural] = texts;
  }
}

/// False if the endpoint says nothing, or something that cannot be written.
bool put_endpoint(Json& properties, const Endpoint& endpoint, const std::string& side) {
  if (!endpoint.unread.empty()) return false;
  std::vector<std::string> texts;
  if (endpoint.any) {
    texts = {"*"};
  } else {
    for (const model::Prefix& prefix : endpoint.prefixes) texts.push_back(to_string(prefix));
    texts.insert(texts.end(), endpoint.tags.begin(), endpoint.tags.end());
  }
  if (texts.empty() && endpoint.groups.empty()) return false;
  put_texts(properties, (side + "AddressPrefix").c_str(), (side + "AddressPrefixes").c_str(),
            texts);
  if (!endpoint.any && !endpoint.groups.empty()) {
    Json& groups = properties[side + "ApplicationSecurityGroups"] = Json::array();
    for (const std::string& id : endpoint.groups) groups.push_back({{"id", id}});
  }
  return true;
}

bool put_ports(Json& properties, const std::vector<PortRange>& ranges, const std::string& side) {
  std::vector<std::string> texts;
  for (const PortRange& range : ranges) {
    if (range.last < range.first) return false;
    texts.push_back(range.is_all() ? "*" : to_string(range));
  }
  if (std::ranges::any_of(ranges, &PortRange::is_all)) texts = {"*"};
  put_texts(properties, (side + "PortRange").c_str(), (side + "PortRanges").c_str(), texts);
  return !texts.empty();
}

bool is_description(std::string_view text) {
  return text.size() <= 140 &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

tl::unexpected<Error> refused(const model::SecurityRule& rule, const char* why) {
  return fail(Error::Kind::invalid, "rule " + rule.name + " cannot be written: " + why);
}

}  // namespace

bool is_rule_name(std::string_view name) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 80 && is_alphanumeric(name.front()) &&
         (is_alphanumeric(name.back()) || name.back() == '_') &&
         std::ranges::all_of(
             name, [&](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

Result<std::string> rule_body(const model::SecurityRule& rule) {
  if (!is_rule_name(rule.name)) {
    return fail(Error::Kind::invalid, "a rule cannot have this name");
  }
  if (!rule.readable) return refused(rule, "it was not understood when it was read");
  if (rule.priority < 100 || rule.priority > 4096) return refused(rule, "its priority");
  if (!is_description(rule.description)) return refused(rule, "its description");

  Json properties;
  properties["priority"] = rule.priority;
  properties["access"] = rule.access == model::Access::allow ? "Allow" : "Deny";
  properties["direction"] = rule.direction == model::Direction::inbound ? "Inbound" : "Outbound";
  properties["protocol"] = protocol_text(rule.protocol);
  if (!rule.description.empty()) properties["description"] = rule.description;
  if (!put_endpoint(properties, rule.source, "source")) return refused(rule, "its source");
  if (!put_endpoint(properties, rule.destination, "destination")) {
    return refused(rule, "its destination");
  }
  if (!put_ports(properties, rule.source_ports, "source")) return refused(rule, "its source ports");
  if (!put_ports(properties, rule.destination_ports, "destination")) {
    return refused(rule, "its destination ports");
  }
  return Json{{"properties", std::move(properties)}}.dump();
}

}  // namespace portcullis::cloud
