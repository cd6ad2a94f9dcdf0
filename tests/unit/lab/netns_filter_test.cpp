#include "lab/netns_filter.hpp"

#include <catch2/catch.hpp>

#include "lab/netns_topology.hpp"
#include "unit/lab/netns_worlds.hpp"

namespace portcullis::lab::netns {
namespace {

using Catch::Contains;

const Machine& machine(const World& world, const std::string& name) {
  for (const auto& one : world.machines) {
    if (one.name == name) return one;
  }
  throw std::out_of_range(name);
}

std::string filter_of(const World& world, const std::string& name) {
  return compile_filter(world, machine(world, name));
}

/// The lines of the chain that stands for the NSG of nic-vm's IPv4 (1) or IPv6 (2) address.
std::string nic_chain(std::vector<Rule> rules, int way = 1) {
  World world = sample_world();
  group(world, "nic").rules = std::move(rules);
  const auto text = filter_of(world, "nic-vm");
  const auto start = text.find("chain way_" + std::to_string(way) + "_nsg_1 ");
  REQUIRE(start != std::string::npos);
  return text.substr(start, text.find("  }\n", start) - start);
}

TEST_CASE("a filter replaces its table in one transaction") {
  CHECK_THAT(filter_of(sample_world(), "open-vm"),
             Catch::StartsWith("table inet portcullis\ndelete table inet portcullis\n"
                               "table inet portcullis {\n"));
}

TEST_CASE("a machine behind no NSG accepts what is for its addresses, and nothing else") {
  CHECK(filter_of(sample_world(), "open-vm") ==
        R"(table inet portcullis
delete table inet portcullis
table inet portcullis {
  chain way_1 { comment "10.0.1.7"
    accept
  }
  chain way_2 { comment "fd00:0:0:1::7"
    accept
  }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname lo accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    ip daddr 10.0.1.7 goto way_1
    ip6 daddr fd00:0:0:1::7 goto way_2
  }
}
)");
}

TEST_CASE("the NSGs of an address are asked in order, each may end the packet") {
  const auto text = filter_of(sample_world(), "both-vm");
  CHECK_THAT(text, Contains("chain way_1_nsg_1 { comment \"subnet\""));
  CHECK_THAT(text, Contains("chain way_1_nsg_2 { comment \"nic\""));
  CHECK_THAT(text, Contains("    jump way_1_nsg_1\n    jump way_1_nsg_2\n    accept\n"));
}

TEST_CASE("a rule becomes a line: allow goes back to the next NSG, deny drops") {
  const auto chain = nic_chain({inbound("in", 200, "Allow", "203.0.113.0/24", "22"),
                                inbound("lock", 300, "Deny", "*", "20-25", {{"protocol", "*"}})});
  CHECK_THAT(chain, Contains("ip saddr { 203.0.113.0/24 } meta l4proto tcp th dport { 22 } return "
                             "comment \"200/in\"\n"
                             "    meta l4proto { tcp, udp } th dport { 20-25 } drop "
                             "comment \"300/lock\"\n"
                             "    ip saddr { 10.0.1.0/24, 10.0.2.0/24 } return "
                             "comment \"65000/AllowVnetInBound\"\n"
                             "    ip saddr { 168.63.129.16 } return "
                             "comment \"65001/AllowAzureLoadBalancerInBound\"\n"
                             "    drop comment \"65500/DenyAllInBound\"\n"));
}

TEST_CASE("sets are disjoint, as nftables demands of intervals") {
  const auto chain =
      nic_chain({inbound("many", 200, "Allow", "10.0.0.0/8", "22",
                         {{"sourceAddressPrefixes", {"10.1.0.0/16", "192.0.2.1"}},
                          {"destinationPortRanges", {"20-30", "25-40", "41", "99"}}})});
  CHECK_THAT(chain, Contains("ip saddr { 10.0.0.0/8, 192.0.2.1 }"));
  CHECK_THAT(chain, Contains("th dport { 20-41, 99 }"));
}

TEST_CASE("a rule stands only in the chains of the family it can match") {
  const std::vector<Rule> rules{inbound("six", 200, "Allow", "2001:db8::/32", "22"),
                                inbound("all6", 300, "Deny", "::/0", "23")};
  CHECK_THAT(nic_chain(rules, 1), !Contains("six") && !Contains("all6"));
  CHECK_THAT(nic_chain(rules, 2), Contains("ip6 saddr { 2001:db8::/32 } meta l4proto tcp th dport "
                                           "{ 22 } return comment \"200/six\"\n"
                                           "    meta l4proto tcp th dport { 23 } drop"));
}

TEST_CASE("protocols are named as nft knows them without the names in /etc/protocols") {
  const std::vector<Rule> rules{inbound("ping", 200, "Allow", "*", "*", {{"protocol", "Icmp"}})};
  CHECK_THAT(nic_chain(rules, 1), Contains("meta l4proto icmp return comment \"200/ping\""));
  CHECK_THAT(nic_chain(rules, 2), Contains("meta l4proto 58 return comment \"200/ping\""));
}

TEST_CASE("the internet is everything but the virtual network and the probes") {
  CHECK_THAT(nic_chain({inbound("net", 200, "Allow", "Internet", "22")}),
             Contains("ip saddr != { 10.0.1.0/24, 10.0.2.0/24, 168.63.129.16 } meta l4proto tcp"));
}

TEST_CASE("a machine that does not run takes no packet, not even of old flows") {
  World world = sample_world();
  world.machines.back().running = false;
  CHECK_THAT(filter_of(world, "open-vm"), !Contains("accept") && Contains("policy drop"));
}

TEST_CASE("no text of the world's gets out of a comment's quotes") {
  CHECK_THAT(nic_chain({inbound("a\" accept\n}", 200, "Deny", "*", "22")}),
             Contains("\"200/a??accept??\""));
}

TEST_CASE("refusing answers at once in place of dropping") {
  const World world = sample_world();
  const auto text = compile_filter(world, machine(world, "nic-vm"), OnDeny::refuse);
  CHECK_THAT(text, Contains("goto refuse comment \"65500/DenyAllInBound\""));
  CHECK_THAT(text, Contains("reject with tcp reset"));
}

TEST_CASE("hosts keep their namespaces when others come and go") {
  World world = sample_world();
  const auto before = plan_hosts(world, "t", {});
  REQUIRE(before);
  CHECK(before->front().key == "alice");
  CHECK(before->front().space == "pcl-t-cl-1");
  CHECK(before->at(3).key == "vm/subnet-vm");
  CHECK(before->at(3).space == "pcl-t-vm-2");

  world.machines.erase(world.machines.begin());
  add_machine(world, "new-vm", "bare", "10.0.1.99", "fd00:0:0:1::99");
  const auto after = plan_hosts(world, "t", *before);
  REQUIRE(after);
  CHECK(after->at(2).key == "vm/subnet-vm");
  CHECK(after->at(2).space == "pcl-t-vm-2");
  CHECK(after->back().space == "pcl-t-vm-5");
}

TEST_CASE("a world that one fabric cannot carry is refused with both names") {
  World world = sample_world();
  world.interfaces[1].configurations[0].private_address = "10.0.1.4";
  const auto twice = plan_hosts(world, "t", {});
  REQUIRE_FALSE(twice);
  CHECK(twice.error().kind == Error::Kind::invalid);
  CHECK_THAT(twice.error().message,
             Contains("vm/nic-vm and vm/subnet-vm both have") && Contains("10.0.1.4"));

  world = sample_world();
  world.clients[0].addresses.push_back("host.example");
  CHECK_THAT(plan_hosts(world, "t", {}).error().message, Contains("not an address: host.example"));
}

TEST_CASE("two machines of one name are told apart by their resource group") {
  World world = sample_world();
  Machine& twin = add_machine(world, "twin", "bare", "10.0.1.99", "fd00:0:0:1::99");
  twin.name = "nic-vm";
  twin.resource_group = "other";
  const auto hosts = plan_hosts(world, "t", {});
  REQUIRE(hosts);
  CHECK(hosts->back().key == "vm/other/nic-vm");
}

TEST_CASE("a machine without packets gets no namespace") {
  World world = sample_world();
  const auto all = plan_hosts(world, "t", {});
  REQUIRE(all);
  world.machines.front().packets = false;
  const auto fewer = plan_hosts(world, "t", {});
  REQUIRE(fewer);
  CHECK(fewer->size() == all->size() - 1);
  CHECK(fewer->at(world.clients.size()).key == "vm/" + world.machines.at(1).name);
}

TEST_CASE("a lab knows its own namespaces from those of labs with similar names") {
  CHECK(is_space_of("pcl-a-net", "a"));
  CHECK(is_space_of("pcl-a-vm-12", "a"));
  CHECK(is_space_of("pcl-a-cl-1", "a"));
  CHECK_FALSE(is_space_of("pcl-a-vm-net", "a"));
  CHECK(is_space_of("pcl-a-vm-net", "a-vm"));
  CHECK_FALSE(is_space_of("pcl-a-vm-vm-1", "a"));
  CHECK_FALSE(is_space_of("pcl-ab-vm-1", "a"));
  CHECK_FALSE(is_space_of("pcl-a-vm-", "a"));
}

}  // namespace
}  // namespace portcullis::lab::netns
