// Lists of a subscription or of some of its resource groups, page by page.

#include <algorithm>

#include "cloud/azure.hpp"
#include "cloud/gather.hpp"
#include "cloud/json.hpp"
#include "cloud/nsg_json.hpp"

namespace portcullis::cloud {

/// Where a list begins. An empty `resource_group` means the whole subscription.
Result<std::string> Azure::list_target(std::string_view resource_group,
                                       std::string_view type) const {
  const std::string subscription = "/subscriptions/" + options_.subscription_id;
  if (resource_group.empty()) {
    return "/subscriptions/" + net::encode_component(options_.subscription_id) + "/providers/" +
           std::string(type) + version_of(type.substr(0, type.find('/')));
  }
  // Whatever could be no resource group's name could be no id either.
  auto located = resource(subscription + "/resourceGroups/" + std::string(resource_group) +
                              "/providers/" + std::string(type) + "/any",
                          type);
  if (!located) return fail(located.error());
  located->name.clear();
  return target(*located);
}

template <typename Item>
Task<Result<std::vector<Item>>> Azure::list(std::vector<std::string> resource_groups,
                                            std::string type, ItemReader<Item> read_item) {
  for (std::string& name : resource_groups) name = model::ascii_lower(name);
  std::ranges::sort(resource_groups);
  const auto repeated = std::ranges::unique(resource_groups);
  resource_groups.erase(repeated.begin(), repeated.end());
  // No names: all of the subscription.
  if (resource_groups.empty()) co_return co_await list_pages("", type, read_item);

  std::vector<Task<Result<std::vector<Item>>>> lists;
  lists.reserve(resource_groups.size());
  for (const std::string& name : resource_groups) {
    lists.push_back(list_pages(name, type, read_item));
  }
  std::vector<Item> all;
  for (auto& items : co_await gather(std::move(lists))) {
    // A list proves no absence, so a resource group that is gone must not hide the others.
    if (!items && items.error().kind == Error::Kind::not_found) continue;
    if (!items) co_return fail(items.error());
    std::ranges::move(*items, std::back_inserter(all));
  }
  co_return all;
}

template <typename Item>
Task<Result<std::vector<Item>>> Azure::list_pages(std::string resource_group, std::string type,
                                                  ItemReader<Item> read_item) {
  auto first = list_target(resource_group, type);
  if (!first) co_return fail(first.error());
  std::vector<Item> list;
  const ArmClient::PageReader read_page = [&](json::Element page) -> Result<Done> {
    const auto items = json::array(page, "value");
    if (!items) return fail(Error::Kind::malformed, "a list of " + type + " has no value");
    for (const json::Element item : *items) {
      auto read = read_item(item);
      if (!read) return fail(read.error());
      const auto id = resource(read->id, type);
      if (!id) return fail(Error::Kind::malformed, id.error().message);
      list.push_back(std::move(*read));
    }
    return Done{};
  };
  const auto read =
      co_await arm_.read_pages(std::move(*first), read_page, options_.limits.read_deadline);
  if (!read) co_return fail(read.error());
  co_return list;
}

Task<Result<std::vector<ListedGroup>>> Azure::list_groups(
    std::vector<std::string> resource_groups) {
  co_return co_await list<ListedGroup>(
      std::move(resource_groups), "Microsoft.Network/networkSecurityGroups", read_listed_group);
}

Task<Result<std::vector<model::ListedMachine>>> Azure::list_machines(
    std::vector<std::string> resource_groups) {
  co_return co_await list<model::ListedMachine>(
      std::move(resource_groups), "Microsoft.Compute/virtualMachines", read_listed_machine);
}

}  // namespace portcullis::cloud
