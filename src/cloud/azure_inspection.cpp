#include <algorithm>

#include "cloud/azure.hpp"
#include "cloud/inspector.hpp"
#include "cloud/json.hpp"

namespace portcullis::cloud {
namespace {

constexpr std::string_view group_type = "Microsoft.Network/networkSecurityGroups";
constexpr std::string_view lock_type = "/providers/microsoft.authorization/locks/";

/// `pattern` with "*" for any text, also across slashes; both in lower case.
bool fits(std::string_view pattern, std::string_view text) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t from = star; from <= text.size(); ++from) {
    if (fits(rest, text.substr(from))) return true;
  }
  return false;
}

bool any_fits(const std::vector<std::string>& patterns, const std::string& action) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return fits(model::ascii_lower(pattern), action);
  });
}

std::vector<std::string> texts(json::Element from, std::string_view name) {
  std::vector<std::string> out;
  const auto items = json::array(from, name);
  if (!items) return out;
  for (const json::Element item : *items) {
    std::string_view text;
    if (item.get(text) == simdjson::SUCCESS) out.emplace_back(text);
  }
  return out;
}

Result<json::Array> values(json::Element page) {
  const auto items = json::array(page, "value");
  if (!items) return fail(Error::Kind::malformed, "a list has no value");
  return *items;
}

}  // namespace

bool permits(const std::vector<Permission>& permissions, std::string_view action) {
  const std::string lower = model::ascii_lower(action);
  return std::ranges::any_of(permissions, [&](const Permission& role) {
    return any_fits(role.actions, lower) && !any_fits(role.not_actions, lower);
  });
}

Task<Result<std::vector<ManagementLock>>> Azure::list_locks() {
  std::vector<ManagementLock> locks;
  const ArmClient::PageReader read_page = [&locks](json::Element page) -> Result<Done> {
    const auto items = values(page);
    if (!items) return fail(items.error());
    for (const json::Element item : *items) {
      const std::string id(json::text(item, "id").value_or(""));
      const auto end = model::ascii_lower(id).rfind(lock_type);
      const auto properties = json::member(item, "properties");
      const auto level = properties ? json::text(*properties, "level") : std::nullopt;
      if (end == std::string::npos || !level) {
        return fail(Error::Kind::malformed, "a lock has no readable id or level");
      }
      locks.push_back({.scope = id.substr(0, end),
                       .name = id.substr(end + lock_type.size()),
                       .level = std::string(*level)});
    }
    return Done{};
  };
  const auto read =
      co_await arm_.read_pages("/subscriptions/" + net::encode_component(options_.subscription_id) +
                                   "/providers/Microsoft.Authorization/locks?api-version=" +
                                   net::encode_component(options_.versions.locks),
                               read_page, options_.limits.read_deadline);
  if (!read) co_return fail(read.error());
  co_return locks;
}

Task<Result<std::vector<Permission>>> Azure::list_permissions(std::string resource_group) {
  // Whatever could be no resource group's name could be no id either.
  const auto located =
      resource("/subscriptions/" + options_.subscription_id + "/resourceGroups/" + resource_group +
                   "/providers/" + std::string(group_type) + "/any",
               group_type);
  if (!located) co_return fail(located.error());
  std::vector<Permission> permissions;
  const ArmClient::PageReader read_page = [&permissions](json::Element page) -> Result<Done> {
    const auto items = values(page);
    if (!items) return fail(items.error());
    for (const json::Element item : *items) {
      permissions.push_back(
          {.actions = texts(item, "actions"), .not_actions = texts(item, "notActions")});
    }
    return Done{};
  };
  const auto read =
      co_await arm_.read_pages("/subscriptions/" + net::encode_component(options_.subscription_id) +
                                   "/resourcegroups/" + net::encode_component(resource_group) +
                                   "/providers/Microsoft.Authorization/permissions?api-version=" +
                                   net::encode_component(options_.versions.permissions),
                               read_page, options_.limits.read_deadline);
  if (!read) co_return fail(read.error());
  co_return permissions;
}

}  // namespace portcullis::cloud
