#pragma once

#include <cstdint>
#include <string>

#include "lab/world.hpp"

namespace portcullis::lab {

/// What the cloud's packet filter would say of one new flow.
struct Verdict {
  bool allowed = false;
  /// "nsg/rule" that decided; where two NSGs allowed, both, as "subnet's/rule, nic's/rule"; "no
  /// NSG"; or why there is no way at all
  std::string by{};
};

/// First matching rule by priority in the subnet's NSG, then in the NIC's; default rules included;
/// a machine behind no NSG is open. `machine` is a name, "resourceGroup/name", or a private or
/// public address. A name means each address of the machine that is of the family of
/// `from_address`: allowed as soon as one of them lets the flow in. `protocol` is Tcp, Udp, Icmp,
/// Esp or Ah in any letter case. Service tags are judged as far as the lab can know: VirtualNetwork
/// is the subnets of the machine's virtual network, AzureLoadBalancer its probe address, Internet
/// all the rest; other tags match nobody. Rules that ask for source ports are judged as if the flow
/// came from port 49152. Whether the machine runs, and listens there, is not asked.
Verdict judge(const World& world, const std::string& from_address, const std::string& machine,
              std::uint16_t port, const std::string& protocol);

}  // namespace portcullis::lab
