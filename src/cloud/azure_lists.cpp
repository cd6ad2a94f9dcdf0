// Lists of a subscription or of some of its resource groups, page by page.

#include <algorithm>

#include "base/log.hpp"
#include "cloud/azure.hpp"
#include "cloud/excerpt.hpp"
#include "cloud/gather.hpp"
#include "cloud/inventory.hpp"
#include "cloud/json.hpp"
#include "cloud/nsg_json.hpp"

namespace portcullis::cloud {
namespace {

constexpr std::size_t most_named = 10;

}  // namespace

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
  if (resource_groups.empty()) co_return co_await list_pages("", type, read_item, nullptr);

  std::vector<Task<Result<std::vector<Item>>>> lists;
  lists.reserve(resource_groups.size());
  for (const std::string& name : resource_groups) {
    lists.push_back(list_pages(name, type, read_item, nullptr));
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

/// With `skipped` what is not understood is left out and counted there; without, it ends the list.
template <typename Item>
Task<Result<std::vector<Item>>> Azure::list_pages(std::string resource_group, std::string type,
                                                  ItemReader<Item> read_item,
                                                  std::size_t* skipped) {
  auto first = list_target(resource_group, type);
  if (!first) co_return fail(first.error());
  std::vector<Item> list;
  const auto take = [&](json::Element item) -> Result<Done> {
    auto read = read_item(item);
    if (!read) return fail(read.error());
    const auto id = resource(read->id, type);
    if (!id) return fail(Error::Kind::malformed, id.error().message);
    list.push_back(std::move(*read));
    return Done{};
  };
  const ArmClient::PageReader read_page = [&](json::Element page) -> Result<Done> {
    const auto items = json::array(page, "value");
    if (!items) return fail(Error::Kind::malformed, "a list of " + type + " has no value");
    for (const json::Element item : *items) {
      const auto taken = take(item);
      if (!taken && skipped == nullptr) return taken;
      if (taken) continue;
      // Lists are read again and again: a few name the kind of trouble, the count says how much.
      if (++*skipped > most_named) continue;
      log::warning("an item of a list is not understood, left out",
                   {{"list", type},
                    {"id", excerpt(json::text(item, "id").value_or(""), 300)},
                    {"error", taken.error().message}});
    }
    return Done{};
  };
  const auto read =
      co_await arm_.read_pages(std::move(*first), read_page, options_.limits.read_deadline);
  if (!read) co_return fail(read.error());
  co_return list;
}

template <typename Item>
Task<Result<Done>> Azure::list_all(std::string type, ItemReader<Item> read_item,
                                   std::vector<Item>& into, std::size_t& skipped) {
  auto items = co_await list_pages("", std::move(type), read_item, &skipped);
  if (!items) co_return fail(items.error());
  into = std::move(*items);
  co_return Done{};
}

Task<Result<std::vector<ListedGroup>>> Azure::list_groups(
    std::vector<std::string> resource_groups) {
  co_return co_await list<ListedGroup>(
      std::move(resource_groups), "Microsoft.Network/networkSecurityGroups", read_listed_group);
}

Task<Result<model::Inventory>> Azure::take_inventory() {
  InventoryLists lists;
  std::vector<Task<Result<Done>>> tasks;
  tasks.push_back(list_all("Microsoft.Compute/virtualMachines", read_machine_item, lists.machines,
                           lists.skipped));
  tasks.push_back(list_all("Microsoft.Network/networkInterfaces", read_interface_document,
                           lists.interfaces, lists.skipped));
  tasks.push_back(list_all("Microsoft.Network/virtualNetworks", read_network_item, lists.networks,
                           lists.skipped));
  const auto read = co_await gather(std::move(tasks));
  if (!read[0]) co_return fail(read[0].error());
  if (!read[1]) co_return fail(read[1].error());
  if (!read[2] && read[2].error().kind != Error::Kind::forbidden) co_return fail(read[2].error());
  co_return put_together(lists,
                         [this](const std::string& id) { return check_group(id).has_value(); });
}

}  // namespace portcullis::cloud
