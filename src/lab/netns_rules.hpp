#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/netns_prefix.hpp"
#include "lab/netns_ways.hpp"
#include "lab/world.hpp"

namespace portcullis::lab::netns {

enum class Protocol { any, tcp, udp, icmp, esp, ah };

/// ARM's words, letter case ignored; `*` is any.
std::optional<Protocol> parse_protocol(const std::string& text);

struct PortRange {
  std::uint16_t from = 0;
  std::uint16_t to = 0;  ///< inclusive
  bool operator==(const PortRange&) const = default;
};

/// Where a packet may come from for a rule to match: any of the three.
struct Sources {
  bool any = false;
  std::vector<Prefix> prefixes{};  ///< disjoint; groups and the tag VirtualNetwork are resolved
  /// Tag Internet: all but these. What the lab knows not to be the internet is the virtual network
  /// and the load balancer's probe address.
  std::optional<std::vector<Prefix>> all_but{};
};

/// An inbound rule as seen by one private address: rules for other destinations are left out
/// already. Both the judge and the compiler of packet filters work on this form.
struct InboundRule {
  std::string name;
  int priority = 0;
  bool allow = false;
  Protocol protocol = Protocol::any;
  Sources sources{};
  std::vector<PortRange> source_ports{};  ///< disjoint and sorted; empty: all
  std::vector<PortRange> ports{};         ///< the same for the destination's
};

/// The rules of `group` that concern `way`, in evaluation order, with Azure's default rules (65000,
/// 65001, 65500) at the end: the last one matches everything. Tags that the lab cannot resolve,
/// such as Storage, match nobody: no client of the lab is in them.
std::vector<InboundRule> inbound_rules(const World& world, const SecurityGroup& group,
                                       const Way& way);

/// A new flow to the address for which the rules were listed.
struct Flow {
  Address source;
  Protocol protocol = Protocol::tcp;  ///< never `any`
  std::uint16_t source_port = 49152;
  std::uint16_t port = 0;
};

bool matches(const InboundRule& rule, const Flow& flow);

}  // namespace portcullis::lab::netns
