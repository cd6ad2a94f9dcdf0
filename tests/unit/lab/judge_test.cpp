#include "lab/judge.hpp"

#include <catch2/catch.hpp>

#include "unit/lab/netns_worlds.hpp"

namespace portcullis::lab {
namespace {

constexpr const char* kAlice = "203.0.113.7";
constexpr const char* kAlice6 = "2001:db8:1::7";
constexpr const char* kBob = "198.51.100.9";

using nlohmann::json;

/// The judge's word on Tcp/22 of nic-vm when the NSG of its NIC holds these rules.
Verdict ssh(std::vector<Rule> rules, const std::string& from = kAlice) {
  World world = sample_world();
  group(world, "nic").rules = std::move(rules);
  return judge(world, from, "nic-vm", 22, "Tcp");
}

TEST_CASE("a machine behind no NSG is open") {
  const auto verdict = judge(sample_world(), kAlice, "open-vm", 22, "Tcp");
  CHECK(verdict.allowed);
  CHECK(verdict.by == "no NSG");
}

TEST_CASE("the default rules let in the virtual network and probes, and nobody else") {
  CHECK(ssh({}).by == "nic/DenyAllInBound");
  CHECK_FALSE(ssh({}).allowed);
  CHECK(ssh({}, "10.0.2.77").by == "nic/AllowVnetInBound");
  CHECK(ssh({}, "10.0.2.77").allowed);
  CHECK(ssh({}, "fd00:0:0:2::77").allowed);
  CHECK_FALSE(ssh({}, "10.0.3.1").allowed);
  CHECK(ssh({}, "168.63.129.16").by == "nic/AllowAzureLoadBalancerInBound");
}

TEST_CASE("the first matching rule by priority decides, whatever the order of the list") {
  const std::vector<Rule> rules{inbound("open", 200, "Allow", "*", "22"),
                                inbound("lock", 100, "Deny", "*", "22")};
  CHECK(ssh(rules).by == "nic/lock");
  CHECK(ssh({rules[1], rules[0]}).by == "nic/lock");
  CHECK_FALSE(ssh(rules).allowed);
}

TEST_CASE("both NSGs must allow, the subnet's is asked first") {
  World world = sample_world();
  const auto verdict = [&] { return judge(world, kAlice, "both-vm", 22, "Tcp"); };
  CHECK(verdict().by == "subnet/DenyAllInBound");
  group(world, "nic").rules = {inbound("in", 100, "Allow", "*", "22")};
  CHECK(verdict().by == "subnet/DenyAllInBound");
  group(world, "subnet").rules = {inbound("way", 100, "Allow", "*", "*")};
  CHECK(verdict().allowed);
  CHECK(verdict().by == "subnet/way, nic/in");
  group(world, "nic").rules.clear();
  CHECK(verdict().by == "nic/DenyAllInBound");
}

TEST_CASE("a rule matches by each of its members") {
  struct Case {
    std::string sentence;
    json more;
    bool matches;
  };
  const std::vector<Case> cases{
      {"as it stands", json::object(), true},
      {"another port", {{"destinationPortRange", "23"}}, false},
      {"a range of ports", {{"destinationPortRange", "20-22"}}, true},
      {"a range beside it", {{"destinationPortRange", "23-99"}}, false},
      {"any port", {{"destinationPortRange", "*"}}, true},
      {"ports in the plural",
       {{"destinationPortRange", nullptr}, {"destinationPortRanges", {"80", "22-23"}}},
       true},
      {"other ports in the plural",
       {{"destinationPortRange", nullptr}, {"destinationPortRanges", {"80", "443"}}},
       false},
      {"no port at all", {{"destinationPortRange", nullptr}}, false},
      {"nonsense as port", {{"destinationPortRange", "ssh"}}, false},
      {"UDP only", {{"protocol", "Udp"}}, false},
      {"any protocol", {{"protocol", "*"}}, true},
      {"letter case of the protocol", {{"protocol", "TCP"}}, true},
      {"outbound", {{"direction", "Outbound"}}, false},
      {"the source's block", {{"sourceAddressPrefix", "203.0.113.0/24"}}, true},
      {"a block of a length that is no multiple of 8",
       {{"sourceAddressPrefix", "203.0.112.0/21"}},
       true},
      {"the block beside it", {{"sourceAddressPrefix", "203.0.113.8/29"}}, false},
      {"all of IPv4", {{"sourceAddressPrefix", "0.0.0.0/0"}}, true},
      {"all of IPv6", {{"sourceAddressPrefix", "::/0"}}, false},
      {"sources in the plural",
       {{"sourceAddressPrefix", nullptr}, {"sourceAddressPrefixes", {"192.0.2.1", kAlice}}},
       true},
      {"the internet", {{"sourceAddressPrefix", "Internet"}}, true},
      {"the virtual network", {{"sourceAddressPrefix", "VirtualNetwork"}}, false},
      {"the load balancer", {{"sourceAddressPrefix", "AzureLoadBalancer"}}, false},
      {"a tag that the lab does not know", {{"sourceAddressPrefix", "Storage.WestEurope"}}, false},
      {"its destination", {{"destinationAddressPrefix", "10.0.1.4"}}, true},
      {"its destination's block", {{"destinationAddressPrefix", "10.0.0.0/16"}}, true},
      {"another destination", {{"destinationAddressPrefix", "10.0.1.5"}}, false},
      {"its public address, which no NSG sees", {{"destinationAddressPrefix", "20.0.0.4"}}, false},
      {"its network as destination", {{"destinationAddressPrefix", "virtualnetwork"}}, true},
      {"destinations in the plural",
       {{"destinationAddressPrefix", nullptr},
        {"destinationAddressPrefixes", {"10.0.1.9", "10.0.1.4/32"}}},
       true},
      {"a source port that clients use", {{"sourcePortRange", "1024-65535"}}, true},
      {"a source port that they do not", {{"sourcePortRange", "53"}}, false},
  };
  for (const auto& [sentence, more, matches] : cases) {
    INFO(sentence);
    CHECK(ssh({inbound("probe", 100, "Allow", "*", "22", more)}).allowed == matches);
  }
}

TEST_CASE("the internet is what is neither the virtual network nor a probe") {
  const auto rules = {inbound("net", 100, "Deny", "Internet", "*", {{"protocol", "*"}}),
                      inbound("all", 200, "Allow", "*", "*")};
  CHECK(ssh(rules).by == "nic/net");
  CHECK(ssh(rules, kAlice6).by == "nic/net");
  CHECK(ssh(rules, "10.0.1.9").by == "nic/all");
  CHECK(ssh(rules, "168.63.129.16").by == "nic/all");
}

TEST_CASE("application security groups are resolved at both ends") {
  World world = sample_world();
  const auto jump = network_id("applicationSecurityGroups/jump");
  const auto web = network_id("applicationSecurityGroups/web");
  const auto upper = network_id("applicationSecurityGroups/WEB");
  world.interfaces[0].configurations[0].application_groups = {web};   // nic-vm
  world.interfaces[1].configurations[0].application_groups = {jump};  // subnet-vm
  group(world, "nic").rules = {
      inbound("jumps", 100, "Allow", "", "22",
              {{"sourceAddressPrefix", nullptr},
               {"sourceApplicationSecurityGroups", {{{"id", jump}}}},
               {"destinationAddressPrefix", nullptr},
               {"destinationApplicationSecurityGroups", {{{"id", upper}}}}}),
      inbound("lock", 200, "Deny", "*", "*")};
  CHECK(judge(world, "10.0.2.5", "nic-vm", 22, "Tcp").by == "nic/jumps");
  CHECK(judge(world, "10.0.2.6", "nic-vm", 22, "Tcp").by == "nic/lock");
  // both-vm stands behind the same NSG, but is in no group.
  group(world, "subnet").rules = {inbound("way", 100, "Allow", "*", "*")};
  CHECK(judge(world, "10.0.2.5", "both-vm", 22, "Tcp").by == "nic/lock");
}

TEST_CASE("a machine is found by name, private and public address") {
  World world = sample_world();
  group(world, "nic").rules = {inbound("in", 100, "Allow", "*", "22",
                                       {{"destinationAddressPrefixes", {"fd00:0:0:1::4"}},
                                        {"destinationAddressPrefix", "10.0.1.4"}})};
  for (const char* name : {"nic-vm", "NIC-VM", "apps/nic-vm", "10.0.1.4", "20.0.0.4"}) {
    INFO(name);
    CHECK(judge(world, kAlice, name, 22, "tcp").allowed);
  }
  for (const char* name : {"nic-vm", "fd00:0:0:1::4", "2001:db8:20:0::4"}) {
    INFO(name);
    CHECK(judge(world, kAlice6, name, 22, "Tcp").by == "nic/in");
  }
}

TEST_CASE("where there is no way, the verdict says why") {
  World world = sample_world();
  const auto why = [&](const char* from, const char* to, const char* protocol = "Tcp") {
    const auto verdict = judge(world, from, to, 22, protocol);
    CHECK_FALSE(verdict.allowed);
    return verdict.by;
  };
  CHECK(why(kAlice, "web-9") == "no machine is called web-9");
  CHECK(why(kAlice, "10.9.9.9") == "no machine has the address 10.9.9.9");
  CHECK(why("alice", "open-vm") == "not an address: alice");
  CHECK(why("203.0.113.7/32", "open-vm") == "not an address: 203.0.113.7/32");
  CHECK(why(kAlice, "open-vm", "*") == "not a protocol: *");
  CHECK(why(kAlice6, "10.0.1.7") == "10.0.1.7 has no IPv6 address there");
  world.interfaces[3].security_group = network_id("networkSecurityGroups/gone");
  CHECK(why(kAlice, "open-vm").find("no such NSG") == 0);
  world.machines.push_back(world.machines.front());
  world.machines.back().resource_group = "other";
  CHECK(why(kAlice, "nic-vm") == "two machines are called nic-vm");
}

TEST_CASE("a machine with two addresses of a family is reached when one of them is") {
  World world = sample_world();
  auto& configurations = world.interfaces[0].configurations;
  configurations.push_back(configurations[0]);
  configurations.back().private_address = "10.0.1.40";
  group(world, "nic").rules = {
      inbound("second", 100, "Allow", kBob, "22", {{"destinationAddressPrefix", "10.0.1.40"}})};
  CHECK(judge(world, kBob, "nic-vm", 22, "Tcp").allowed);
  CHECK_FALSE(judge(world, kBob, "10.0.1.4", 22, "Tcp").allowed);
  CHECK(judge(world, kBob, "10.0.1.40", 22, "Tcp").allowed);
}

TEST_CASE("protocols without ports match only rules for all ports") {
  World world = sample_world();
  const auto ping = [&] { return judge(world, kAlice, "nic-vm", 0, "Icmp").allowed; };
  group(world, "nic").rules = {inbound("any", 100, "Allow", "*", "22", {{"protocol", "*"}})};
  CHECK_FALSE(ping());
  group(world, "nic").rules = {inbound("any", 100, "Allow", "*", "*", {{"protocol", "*"}})};
  CHECK(ping());
  group(world, "nic").rules = {inbound("icmp", 100, "Allow", "*", "*", {{"protocol", "Icmp"}})};
  CHECK(ping());
  group(world, "nic").rules = {inbound("tcp", 100, "Allow", "*", "*")};
  CHECK_FALSE(ping());
}

}  // namespace
}  // namespace portcullis::lab
