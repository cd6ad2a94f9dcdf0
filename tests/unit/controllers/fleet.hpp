#pragma once

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "unit/cloud/azure_fixture.hpp"

namespace portcullis::test {

/// A resource manager with thousands of machines, made up as it is asked: answers ARM's GETs, lists
/// (100 items a page) and writes of rules, and counts what it is asked. Machine i lies in resource
/// group "rg-<i/100>"; everything of the network in "net".
class Fleet {
 public:
  using json = nlohmann::json;

  struct Nic {
    std::vector<std::string> addresses;
    int subnet = 0;
    int group = -1;  ///< -1: none of its own
  };
  struct Machine {
    std::vector<int> nics;
    std::map<std::string, std::string> tags;
  };
  struct Group {
    std::map<std::string, std::string> rules;  ///< properties by name, as JSON
    int writes = 0;                            ///< the etag
  };

  static constexpr int page_size = 100;
  static constexpr int in_a_resource_group = 100;
  static constexpr int in_a_subnet = 250;

  std::vector<Machine> machines;
  std::vector<Nic> nics;
  std::vector<Group> groups;
  std::vector<int> subnets;          ///< the group of each, -1: none
  std::map<std::string, int> asked;  ///< "GET networkInterfaces", "LIST networkInterfaces", ...

  Fleet(int machine_count, int group_count)
      : groups(static_cast<std::size_t>(group_count)),
        subnets(static_cast<std::size_t>(machine_count / in_a_subnet + 1), -1) {
    for (int i = 0; i < machine_count; ++i) add_machine(i % group_count);
  }

  int add_machine(int group) {
    const int number = static_cast<int>(machines.size());
    machines.push_back({.nics = {add_nic(group)}, .tags = {{"tier", "web"}}});
    return number;
  }
  int add_nic(int group) {
    const int number = static_cast<int>(nics.size());
    const auto subnet = std::min<std::size_t>(nics.size() / in_a_subnet, subnets.size() - 1);
    nics.push_back(
        {.addresses = {address_of(number)}, .subnet = static_cast<int>(subnet), .group = group});
    return number;
  }
  static std::string address_of(int number) {
    return fmt::format("10.{}.{}.{}", number / 62500, number / 250 % 250, number % 250 + 4);
  }

  Group& group(int number) { return groups.at(static_cast<std::size_t>(number)); }
  Machine& machine(int number) { return machines.at(static_cast<std::size_t>(number)); }
  Nic& nic(int number) { return nics.at(static_cast<std::size_t>(number)); }

  int reads() const {
    int sum = 0;
    for (const auto& [what, count] : asked) {
      if (!what.starts_with("PUT") && !what.starts_with("DELETE")) sum += count;
    }
    return sum;
  }

  /// Whether a lock of somebody stands for the address in the group.
  bool is_locked(int group_number, const std::string& address) {
    for (const auto& [name, properties] : group(group_number).rules) {
      if (name.find("-lock-") == std::string::npos) continue;
      for (const auto& prefix : prefixes(json::parse(properties))) {
        const auto in = model::parse_prefix(prefix);
        const auto wanted = model::parse_prefix(address);
        if (in && wanted && model::contains(*in, *wanted)) return true;
      }
    }
    return false;
  }

  Result<net::Response> serve(const net::Request& request) {
    const std::string path = request.target.substr(0, request.target.find('?'));
    const auto parts = split(path);
    if (parts.size() == 2) {
      return count("GET subscription",
                   R"({"subscriptionId":")" + subscription + R"(","state":"Enabled"})");
    }
    if (parts.size() == 5) return list(parts[4], "", request.target);
    if (parts.size() == 7) return list(parts[6], parts[3], request.target);
    if (parts.size() == 8) return get(parts[6], parts[7]);
    if (parts.size() == 10 && parts[8] == "subnets") {
      return count("GET subnets", subnet_text(number_of(parts[9])));
    }
    if (parts.size() == 10) return write(request, number_of(parts[7]), parts[9]);
    return response(404, error_body("NotFound"));
  }

 private:
  static std::vector<std::string> split(const std::string& path) {
    std::vector<std::string> parts;
    std::size_t from = 1;
    while (from <= path.size()) {
      const auto to = std::min(path.find('/', from), path.size());
      parts.push_back(path.substr(from, to - from));
      from = to + 1;
    }
    return parts;
  }

  /// "vm-12": 12.
  static int number_of(const std::string& name) {
    int number = -1;
    const auto dash = name.rfind('-');
    std::from_chars(name.data() + dash + 1, name.data() + name.size(), number);
    return number;
  }

  static std::string id(const std::string& group, const std::string& rest) {
    return "/subscriptions/" + subscription + "/resourceGroups/" + group + "/providers/" + rest;
  }
  static std::string id_of_machine(int i) {
    return id(fmt::format("rg-{}", i / in_a_resource_group),
              fmt::format("Microsoft.Compute/virtualMachines/vm-{}", i));
  }
  static std::string id_of_nic(int i) {
    return id("net", fmt::format("Microsoft.Network/networkInterfaces/nic-{}", i));
  }
  static std::string id_of_subnet(int i) {
    return id("net", fmt::format("Microsoft.Network/virtualNetworks/vnet-0/subnets/subnet-{}", i));
  }
  static std::string id_of_group(int i) {
    return id("net", fmt::format("Microsoft.Network/networkSecurityGroups/nsg-{}", i));
  }

  // Texts, since there are so many of them.
  template <typename Items, typename Write>
  static std::string join(const Items& items, Write write) {
    std::string text;
    for (const auto& item : items) {
      if (!text.empty()) text += ',';
      text += write(item);
    }
    return text;
  }
  static std::string group_member(int i) {
    if (i < 0) return "";
    return fmt::format(R"("networkSecurityGroup":{{"id":"{}"}})", id_of_group(i));
  }
  std::string machine_text(int i) {
    return fmt::format(
        R"({{"id":"{}","name":"vm-{}","tags":{{{}}},"properties":{{"vmId":"guid-{}",)"
        R"("networkProfile":{{"networkInterfaces":[{}]}}}}}})",
        id_of_machine(i), i,
        join(machine(i).tags,
             [](const auto& tag) { return fmt::format(R"("{}":"{}")", tag.first, tag.second); }),
        i, join(machine(i).nics, [](int one) {
          return fmt::format(R"({{"id":"{}"}})", id_of_nic(one));
        }));
  }
  std::string nic_text(int i) {
    const Nic& one = nic(i);
    const std::string group = group_member(one.group);
    return fmt::format(
        R"({{"id":"{}","properties":{{{}{}"ipConfigurations":[{}]}}}})", id_of_nic(i), group,
        group.empty() ? "" : ",", join(one.addresses, [&](const std::string& address) {
          return fmt::format(R"({{"name":"c","properties":{{"privateIPAddress":"{}",)"
                             R"("subnet":{{"id":"{}"}}}}}})",
                             address, id_of_subnet(one.subnet));
        }));
  }
  std::string subnet_text(int i) const {
    return fmt::format(R"({{"id":"{}","properties":{{{}}}}})", id_of_subnet(i),
                       group_member(subnets.at(static_cast<std::size_t>(i))));
  }
  std::string network_text() const {
    std::vector<int> numbers(subnets.size());
    std::iota(numbers.begin(), numbers.end(), 0);
    return fmt::format(R"({{"id":"{}","properties":{{"subnets":[{}]}}}})",
                       id("net", "Microsoft.Network/virtualNetworks/vnet-0"),
                       join(numbers, [this](int i) { return subnet_text(i); }));
  }
  std::string group_text(int i) {
    return fmt::format(
        R"({{"id":"{}","etag":"W/\"{}\"","properties":{{"provisioningState":"Succeeded",)"
        R"("securityRules":[{}],"defaultSecurityRules":[{{"name":"DenyAllInBound","properties":)"
        R"({{"priority":65500,"access":"Deny","direction":"Inbound","protocol":"*",)"
        R"("sourceAddressPrefix":"*","destinationAddressPrefix":"*","sourcePortRange":"*",)"
        R"("destinationPortRange":"*"}}}}]}}}})",
        id_of_group(i), group(i).writes, join(group(i).rules, [](const auto& rule) {
          return fmt::format(R"({{"name":"{}","properties":{}}})", rule.first, rule.second);
        }));
  }

  Result<net::Response> count(const std::string& what, std::string body) {
    ++asked[what];
    return response(200, std::move(body));
  }

  Result<net::Response> get(const std::string& type, const std::string& name) {
    const int i = number_of(name);
    const std::string what = "GET " + type;
    if (type == "virtualMachines") {
      if (i < static_cast<int>(machines.size())) return count(what, machine_text(i));
    } else if (type == "networkInterfaces") {
      return count(what, nic_text(i));
    } else if (type == "networkSecurityGroups") {
      return count(what, group_text(i));
    }
    ++asked[what];
    return response(404, error_body("ResourceNotFound"));
  }

  Result<net::Response> list(const std::string& type, const std::string& resource_group,
                             const std::string& target) {
    int from = 0;
    if (const auto at = target.find("$skiptoken="); at != std::string::npos) {
      std::from_chars(target.data() + at + 11, target.data() + target.size(), from);
    }
    std::size_t all = 1;
    if (type == "virtualMachines") all = machines.size();
    if (type == "networkInterfaces") all = nics.size();
    if (type == "networkSecurityGroups") all = resource_group.starts_with("rg") ? 0 : groups.size();
    const int to = std::min(static_cast<int>(all), from + page_size);
    std::vector<int> numbers(static_cast<std::size_t>(std::max(to - from, 0)));
    std::iota(numbers.begin(), numbers.end(), from);
    std::string page = "{\"value\":[" +
                       join(numbers,
                            [&](int i) {
                              if (type == "virtualMachines") return machine_text(i);
                              if (type == "networkInterfaces") return nic_text(i);
                              if (type == "networkSecurityGroups") return group_text(i);
                              return network_text();
                            }) +
                       "]";
    if (to < static_cast<int>(all)) {
      page += fmt::format(R"(,"nextLink":"{}{}?$skiptoken={}")", arm,
                          target.substr(0, target.find('?')), to);
    }
    return count("LIST " + type, page + "}");
  }

  Result<net::Response> write(const net::Request& request, int number, const std::string& rule) {
    ++asked[request.method + " securityRules"];
    Group& changed = group(number);
    ++changed.writes;
    if (request.method == "DELETE") {
      changed.rules.erase(rule);
      return response(204);
    }
    json properties = json::parse(request.body)["properties"];
    properties["provisioningState"] = "Succeeded";
    changed.rules[rule] = properties.dump();
    return response(200, json{{"name", rule}, {"properties", properties}}.dump());
  }

  static std::vector<std::string> prefixes(const json& properties) {
    auto all = properties.value("destinationAddressPrefixes", std::vector<std::string>{});
    const auto one = properties.value("destinationAddressPrefix", "");
    if (!one.empty()) all.push_back(one);
    return all;
  }
};

}  // namespace portcullis::test
