#include <rapidcheck/catch.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>

#include "packet_judge.hpp"
#include "plan/evaluator.hpp"

namespace portcullis::plan {
namespace {

using model::Access;
using model::Family;
using model::PortRange;
using model::Prefix;
using model::Protocol;
using model::SecurityRule;

constexpr int address_count = 8;
constexpr std::uint16_t first_port = 20;
constexpr std::uint16_t last_port = 24;
constexpr std::array<std::uint16_t, 2> source_ports = {500, 40000};

struct World {
  bool certain;  ///< no tags, no source ports: the evaluator must be exact
  Family family;
  std::vector<model::SecurityGroup> groups;
  Tags tags;
  Inbound asked;

  FilterPath path() const {
    FilterPath list;
    for (const auto& group : groups) list.push_back({.id = group.id, .group = &group});
    return list;
  }

  template <typename Visit>
  void each_packet(const Prefix& source, Visit visit) const {
    for (const auto source_port : source_ports) {
      for (int number = asked.ports.first; number <= asked.ports.last; ++number) {
        for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
          if (asked.protocol != Protocol::any && asked.protocol != protocol) continue;
          const Packet packet{source, asked.destination, source_port,
                              static_cast<std::uint16_t>(number), protocol};
          visit(std::ranges::all_of(
              groups, [&](const auto& group) { return passes(group, packet, tags); }));
        }
      }
    }
  }

  bool any_passes(const Prefix& source) const {
    bool any = false;
    each_packet(source, [&](bool passed) { any = any || passed; });
    return any;
  }

  bool all_pass(const Prefix& source) const {
    bool all = true;
    each_packet(source, [&](bool passed) { all = all && passed; });
    return all;
  }
};

int pick(int from, int to) { return *rc::gen::inRange(from, to); }
bool flip() { return *rc::gen::arbitrary<bool>(); }

model::Endpoint random_end(Family family, bool certain) {
  if (pick(0, 4) == 0) return anywhere();
  model::Endpoint end;
  const int count = pick(1, 4);
  for (int i = 0; i < count; ++i) {
    // Sometimes of the other family, which must change nothing.
    const bool other = pick(0, 8) == 0;
    const Family here = other ? (family == Family::ipv4 ? Family::ipv6 : Family::ipv4) : family;
    Prefix one = address(here, pick(0, address_count));
    const int free_bits = pick(0, 3);
    one.length = static_cast<std::uint8_t>(one.length - free_bits);
    auto& byte = one.bytes[here == Family::ipv4 ? 3 : 15];
    byte = static_cast<std::uint8_t>(byte >> free_bits << free_bits);
    end.prefixes.push_back(one);
  }
  if (!certain && pick(0, 4) == 0) end.tags.push_back(flip() ? "Alpha" : "Beta");
  return end;
}

std::vector<PortRange> random_ports() {
  if (pick(0, 4) == 0) return {PortRange{}};
  std::vector<PortRange> ports;
  for (int i = pick(1, 3); i > 0; --i) {
    const int low = pick(first_port - 1, last_port + 1);
    ports.push_back({.first = static_cast<std::uint16_t>(low),
                     .last = static_cast<std::uint16_t>(low + pick(0, 3))});
  }
  return ports;
}

model::SecurityGroup random_group(Family family, bool certain, std::string id) {
  auto group = group_of({}, std::move(id));
  if (certain) group.default_rules = {group.default_rules.back()};
  const int count = pick(0, 7);
  for (int i = 0; i < count; ++i) {
    auto rule =
        make_rule("r" + std::to_string(i), 100 + i, flip() ? Access::allow : Access::deny,
                  random_end(family, certain), random_end(family, certain), random_ports(),
                  *rc::gen::element(Protocol::any, Protocol::tcp, Protocol::udp, Protocol::icmp));
    if (pick(0, 10) == 0) rule.direction = model::Direction::outbound;
    if (!certain && pick(0, 4) == 0) rule.source_ports = {{.first = 0, .last = 1023}};
    group.rules.push_back(std::move(rule));
  }
  // The order in which a read lists rules means nothing.
  if (flip()) std::ranges::reverse(group.rules);
  return group;
}

World random_world() {
  World world;
  world.certain = flip();
  world.family = flip() ? Family::ipv4 : Family::ipv6;
  for (int i = pick(1, 3); i > 0; --i) {
    world.groups.push_back(random_group(world.family, world.certain, "g" + std::to_string(i)));
  }
  for (const char* name : {"Alpha", "Beta", "VirtualNetwork", "AzureLoadBalancer"}) {
    auto& members = world.tags[name];
    for (int i = 0; i < address_count; ++i) {
      if (flip()) members.push_back(i);
    }
  }
  world.asked.destination = address(world.family, pick(0, address_count));
  const int low = pick(first_port, last_port + 1);
  world.asked.ports = {.first = static_cast<std::uint16_t>(low),
                       .last = static_cast<std::uint16_t>(pick(low, last_port + 1))};
  world.asked.protocol = *rc::gen::element(Protocol::tcp, Protocol::udp, Protocol::any);
  return world;
}

TEST_CASE("What is said about a source is true of its packets") {
  rc::prop("surely and maybe bound the truth, and meet it where nothing is unknown", [] {
    const World world = random_world();
    const Reach reach = allowed_sources(world.path(), world.asked);
    RC_ASSERT(reach.maybe_allowed.contains(reach.surely_allowed));
    for (int i = 0; i < address_count; ++i) {
      const Prefix source = address(world.family, i);
      const bool surely = reach.surely_allowed.contains(source);
      const bool maybe = reach.maybe_allowed.contains(source);
      RC_ASSERT(!surely || world.all_pass(source));
      RC_ASSERT(maybe || !world.any_passes(source));
      if (world.certain) {
        RC_ASSERT(surely == world.all_pass(source));
        RC_ASSERT(maybe == world.any_passes(source));
      }
    }
  });
}

TEST_CASE("Closed means that no packet passes but those permitted") {
  rc::prop("and where nothing is unknown, not closed means that one does", [] {
    const World world = random_world();
    Permitted permitted;
    for (int i = 0; i < address_count; ++i) {
      if (flip())
        permitted.sources = permitted.sources.unite(model::PrefixSet::of(address(world.family, i)));
    }
    const ClosedProof proof = prove_closed(world.path(), world.asked, permitted);
    bool passed = false;
    for (int i = 0; i < address_count; ++i) {
      const Prefix source = address(world.family, i);
      const bool beyond = world.any_passes(source) && !permitted.sources.contains(source);
      passed = passed || beyond;
      RC_ASSERT(!beyond || proof.sources.contains(source));
      if (world.certain) RC_ASSERT(beyond == proof.sources.contains(source));
    }
    RC_ASSERT(!proof.closed() || !passed);
    RC_ASSERT(proof.closed() == proof.blames.empty());
    for (const Blame& blame : proof.blames) RC_ASSERT(!blame.sources.empty());
  });
}

TEST_CASE("Open means that every packet of the sources passes") {
  rc::prop("shadowed that one does not, and only doubt is unproven", [] {
    const World world = random_world();
    const Prefix source = address(world.family, pick(0, address_count));
    const OpenProof proof = prove_open(world.path(), world.asked, model::PrefixSet::of(source));
    const bool all = world.all_pass(source);
    if (proof.open()) RC_ASSERT(all);
    if (proof.verdict == OpenProof::Verdict::shadowed) RC_ASSERT(!all);
    if (world.certain) RC_ASSERT(proof.verdict != OpenProof::Verdict::unproven);
    RC_ASSERT(proof.open() == proof.blames.empty());
  });
}

}  // namespace
}  // namespace portcullis::plan
