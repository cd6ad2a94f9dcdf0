#include "model/resource_id.hpp"

#include <algorithm>
#include <vector>

namespace portcullis::model {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Resource groups may hold parentheses; no name holds anything else beyond these. What ARM allows
/// beyond ASCII in resource groups is refused: it could not stand in a URL as it is.
bool is_segment(std::string_view text) {
  if (text.empty() || text.size() > 90 || text == "." || text == "..") return false;
  return std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.' || c == '(' || c == ')';
  });
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto slash = text.find('/');
    parts.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    text.remove_prefix(slash + 1);
  }
}

}  // namespace

std::optional<ResourceId> parse_resource_id(std::string_view text) {
  if (!text.starts_with('/')) return std::nullopt;
  const auto parts = split(text.substr(1));
  if (parts.size() != 8 && parts.size() != 10) return std::nullopt;
  if (!std::ranges::all_of(parts, is_segment)) return std::nullopt;
  if (ascii_lower(parts[0]) != "subscriptions" || ascii_lower(parts[2]) != "resourcegroups" ||
      ascii_lower(parts[4]) != "providers") {
    return std::nullopt;
  }
  ResourceId id{.subscription = std::string(parts[1]),
                .resource_group = std::string(parts[3]),
                .provider = std::string(parts[5]),
                .type = std::string(parts[6]),
                .name = std::string(parts[7])};
  if (parts.size() == 10) {
    id.child_type = parts[8];
    id.child_name = parts[9];
  }
  return id;
}

std::string to_string(const ResourceId& id) {
  std::string text = "/subscriptions/" + id.subscription + "/resourceGroups/" + id.resource_group +
                     "/providers/" + id.provider + '/' + id.type + '/' + id.name;
  if (!id.child_type.empty()) text += '/' + id.child_type + '/' + id.child_name;
  return text;
}

std::string resource_key(std::string_view id) { return ascii_lower(id); }

std::string short_name(std::string_view id) {
  const auto parsed = parse_resource_id(id);
  return parsed ? parsed->name : std::string(id);
}

std::string virtual_machine_id(std::string_view subscription, std::string_view resource_group,
                               std::string_view name) {
  return to_string(ResourceId{.subscription = std::string(subscription),
                              .resource_group = std::string(resource_group),
                              .provider = "Microsoft.Compute",
                              .type = "virtualMachines",
                              .name = std::string(name)});
}

std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace portcullis::model
