#include <algorithm>
#include <functional>

#include "lab/handlers.hpp"
#include "lab/names.hpp"
#include "lab/views.hpp"

// Networks, subnets, network interfaces and public addresses: read only.

namespace portcullis::lab {
namespace {

struct Item {
  std::string resource_group;
  std::string name;
  std::function<Json()> view;
};

std::vector<Item> interfaces(const World& world) {
  std::vector<Item> items;
  for (const Interface& nic : world.interfaces) {
    items.push_back(
        {nic.resource_group, nic.name, [&world, &nic] { return interface_view(world, nic); }});
  }
  return items;
}

std::vector<Item> networks(const World& world) {
  std::vector<Item> items;
  for (const VirtualNetwork& network : world.networks) {
    items.push_back({network.resource_group, network.name,
                     [&world, &network] { return network_view(world, network); }});
  }
  return items;
}

std::vector<Item> public_ips(const World& world) {
  std::vector<Item> items;
  for (const Interface& nic : world.interfaces) {
    for (const IpConfiguration& configuration : nic.configurations) {
      if (configuration.public_name.empty()) continue;
      items.push_back(
          {nic.resource_group, configuration.public_name,
           [&world, &nic, &configuration] { return public_ip_view(world, nic, configuration); }});
    }
  }
  return items;
}

struct Collection {
  const char* type;
  std::vector<Item> (*items)(const World& world);
};
constexpr std::array collections = {Collection{"networkInterfaces", interfaces},
                                    Collection{"virtualNetworks", networks},
                                    Collection{"publicIPAddresses", public_ips}};

std::string id_of_item(const World& world, const std::string& type, const Item& item) {
  return "/subscriptions/" + world.subscription + "/resourceGroups/" + item.resource_group +
         "/providers/Microsoft.Network/" + type + "/" + item.name;
}

net::Response list(const Cloud& cloud, const Call& call, const Collection& collection,
                   const std::string* group) {
  const std::string type = collection.type;
  if (group != nullptr && !cloud.resource_groups.contains(lower(*group))) {
    return not_found(cloud, *group, type, "");
  }
  std::vector<Json> values;
  for (const Item& item : collection.items(cloud.world)) {
    if (group != nullptr && !same_name(item.resource_group, *group)) continue;
    // What the caller may not see is left out without a word.
    if (!cloud.may(call.client, "Microsoft.Network/" + type + "/read",
                   id_of_item(cloud.world, type, item))) {
      continue;
    }
    values.push_back(item.view());
  }
  return page(cloud, call, values);
}

net::Response get(const Cloud& cloud, const Call& call, const Collection& collection) {
  const std::string type = collection.type;
  const std::string& group = call.path[3];
  const std::string& name = call.path[7];
  if (auto refused = forbid(cloud, call, "Microsoft.Network/" + type + "/read",
                            id_of_item(cloud.world, type, {group, name, {}}))) {
    return *refused;
  }
  const auto items = collection.items(cloud.world);
  const auto found = std::ranges::find_if(items, [&](const Item& item) {
    return same_name(item.resource_group, group) && same_name(item.name, name);
  });
  if (found == items.end()) return not_found(cloud, group, "Microsoft.Network/" + type, name);
  const Json body = found->view();
  net::Response response = json_answer(200, body);
  set_header(response, "ETag", body.value("etag", ""));
  return response;
}

std::optional<net::Response> answer_subnets(const Cloud& cloud, const Call& call) {
  const bool one = call.path.size() == 10;
  if (!one && call.path.size() != 9) return std::nullopt;
  if (!same_name(call.path[8], "subnets")) return std::nullopt;
  if (call.method != "GET") return empty_answer(405);
  const std::string id = network_id(cloud.world, call.path[3], call.path[7]);
  if (auto refused = forbid(cloud, call, "Microsoft.Network/virtualNetworks/subnets/read", id)) {
    return refused;
  }
  for (const VirtualNetwork& network : cloud.world.networks) {
    if (!same_name(network.resource_group, call.path[3]) ||
        !same_name(network.name, call.path[7])) {
      continue;
    }
    std::vector<Json> views;
    for (const Subnet& subnet : network.subnets) {
      if (one && !same_name(subnet.name, call.path[9])) continue;
      views.push_back(subnet_view(cloud.world, network, subnet));
    }
    if (!one) return page(cloud, call, views);
    if (views.empty()) return child_not_found(id + "/subnets/" + call.path[9]);
    return json_answer(200, views.front());
  }
  return not_found(cloud, call.path[3], "Microsoft.Network/virtualNetworks", call.path[7]);
}

}  // namespace

std::optional<net::Response> answer_network(Cloud& cloud, const Call& call) {
  constexpr const char* provider = "Microsoft.Network";
  for (const Collection& collection : collections) {
    const bool all = path_is(call, {"subscriptions", "*", "providers", provider, collection.type});
    const bool of_group = path_is(call, {"subscriptions", "*", "resourceGroups", "*", "providers",
                                         provider, collection.type});
    const bool one = path_is(call, {"subscriptions", "*", "resourceGroups", "*", "providers",
                                    provider, collection.type, "*"});
    if (!all && !of_group && !one) continue;
    if (call.method != "GET") return empty_answer(405);
    if (one) return get(cloud, call, collection);
    return list(cloud, call, collection, of_group ? &call.path[3] : nullptr);
  }
  if (call.path.size() > 8 && same_name(call.path[5], provider) &&
      same_name(call.path[6], "virtualNetworks")) {
    return answer_subnets(cloud, call);
  }
  return std::nullopt;
}

}  // namespace portcullis::lab
