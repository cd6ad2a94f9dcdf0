#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <random>

#include "lab/judge.hpp"
#include "lab/netns_dataplane.hpp"
#include "lab/netns_space.hpp"
#include "unit/lab/netns_probes.hpp"
#include "unit/lab/netns_worlds.hpp"

namespace portcullis::lab::netns {
namespace {

using nlohmann::json;

/// Rules and packets that often meet: few addresses, few ports, nested blocks.
class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}

  bool once_in(int n) { return number(1, n) == 1; }

  int number(int from, int to) { return std::uniform_int_distribution<int>(from, to)(engine_); }

  template <typename T>
  T one_of(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(number(0, static_cast<int>(all.size()) - 1))];
  }

  Rule rule(int priority) {
    const std::vector<std::string> sources4{"*",           "0.0.0.0/0",      "203.0.113.0/24",
                                            "203.0.113.7", "203.0.113.4/30", "198.51.100.9/32",
                                            "10.0.0.0/8",  "10.0.1.0/24",    "192.0.0.0/2"};
    const std::vector<std::string> sources6{
        "*",        "::/0",           "2001:db8:1::/48", "2001:db8:1::7", "2001:db8::/31",
        "fd00::/8", "fd00:0:0:1::/64"};
    const std::vector<std::string> tags{"Internet", "VirtualNetwork", "AzureLoadBalancer",
                                        "Storage"};
    const std::vector<std::string> targets{
        "*", "10.0.1.4", "10.0.1.0/24", "10.0.1.9", "fd00:0:0:1::4", "fd00::/16", "VirtualNetwork"};
    const std::vector<std::string> ports{"*", "22", "80", "20-30", "23", "22-80", "0-65535", "443"};
    const auto& sources = once_in(3) ? tags : once_in(2) ? sources4 : sources6;
    json more{{"protocol", one_of<std::string>({"*", "Tcp", "Tcp", "Udp", "Icmp"})},
              {"destinationAddressPrefix", one_of(targets)}};
    if (once_in(3)) {
      more["sourceAddressPrefix"] = nullptr;
      for (int i = number(1, 4); i > 0; --i) {
        more["sourceAddressPrefixes"].push_back(one_of(once_in(2) ? sources4 : sources6));
      }
    }
    if (once_in(3)) {
      more["destinationPortRange"] = nullptr;
      for (int i = number(1, 3); i > 0; --i) {
        more["destinationPortRanges"].push_back(one_of(ports));
      }
    }
    if (once_in(5)) more["sourcePortRange"] = one_of<std::string>({"32768-65535", "1-1023"});
    if (once_in(8)) more["direction"] = "Outbound";
    return inbound("r" + std::to_string(priority), priority, once_in(2) ? "Allow" : "Deny",
                   one_of(sources), one_of(ports), more);
  }

  std::vector<Rule> rules() {
    std::vector<Rule> made;
    for (int i = number(0, 6); i > 0; --i) made.push_back(rule(100 * i + number(0, 99)));
    std::shuffle(made.begin(), made.end(), engine_);
    return made;
  }

 private:
  std::mt19937 engine_;
};

const std::vector<std::uint16_t> kPorts{22, 23, 80, 443};

/// The sample world with clients of every kind that rules can mean, and no service without a
/// listener.
World world_of(Dice& dice) {
  World world = sample_world();
  world.clients.push_back({.name = "inside", .addresses = {"10.0.1.9", "fd00:0:0:1::9"}});
  world.clients.push_back({.name = "probe", .addresses = {"168.63.129.16"}});
  for (Machine& machine : world.machines) machine.listens = kPorts;
  group(world, "nic").rules = dice.rules();
  group(world, "subnet").rules = dice.rules();
  return world;
}

/// Whether the packet got past the filter, by the answer that came instead of it.
bool passes(const std::string& space, const std::string& protocol, const std::string& to,
            std::uint16_t port) {
  if (protocol == "Tcp") return connect_from(space, to, port, kPatient).error == 0;
  const int error = reach_from(space, SOCK_DGRAM, to, port, kPatient).error;
  // Nobody listens: whoever is reached says so; the filter says "prohibited".
  REQUIRE(error != ETIMEDOUT);
  return error == ECONNREFUSED;
}

TEST_CASE("real packets meet what the judge says, for rules and packets at random") {
  constexpr unsigned seed = 20240501;
  Dice dice(seed);
  World world = world_of(dice);
  const auto plane = make_in_turn(world, "unit-dice", OnDeny::refuse);
  if (!plane && plane.error().kind == Error::Kind::unsupported) {
    WARN("not tried: " << plane.error().message);
    return;
  }
  REQUIRE(plane);
  const auto spaces = (*plane)->namespaces();
  for (const auto& [host, space] : spaces) {
    if (!host.starts_with("vm/")) continue;
    // The kernel answers few refused packets a second, unless told otherwise.
    REQUIRE(in_space(space, [] {
      const auto set = set_kernel("net/ipv4/icmp_ratemask", "0");
      return set ? set_kernel("net/ipv6/icmp/ratelimit", "0") : set;
    }));
  }

  int allowed = 0;
  int denied = 0;
  for (int round = 0; round < 60; ++round) {
    if (round > 0) world = world_of(dice);
    const auto applied = (*plane)->apply(world);
    INFO((applied ? "applied" : applied.error().message));
    REQUIRE(applied);
    for (int i = 0; i < 16; ++i) {
      const auto client = dice.one_of(world.clients);
      const auto from = dice.one_of(client.addresses);
      const bool v6 = from.find(':') != std::string::npos;
      const auto to = v6 ? dice.one_of<std::string>({"fd00:0:0:1::4", "fd00:0:0:2::6"})
                         : dice.one_of<std::string>({"10.0.1.4", "10.0.2.5", "10.0.2.6"});
      const auto port = dice.one_of(kPorts);
      const auto protocol = dice.one_of<std::string>({"Tcp", "Tcp", "Udp"});
      const auto verdict = judge(world, from, to, port, protocol);
      INFO("seed " << seed << " round " << round << ": " << from << " -> " << to << " " << protocol
                   << "/" << port << ", judged by " << verdict.by);
      for (const auto& nsg : world.groups) {
        for (const auto& rule : nsg.rules) UNSCOPED_INFO(nsg.name << " " << rule.properties);
      }
      CHECK(passes(spaces.at(client.name), protocol, to, port) == verdict.allowed);
      ++(verdict.allowed ? allowed : denied);
    }
  }
  // Else the dice would prove nothing.
  CHECK(allowed > 200);
  CHECK(denied > 200);
}

}  // namespace
}  // namespace portcullis::lab::netns
