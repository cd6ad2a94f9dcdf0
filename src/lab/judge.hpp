#pragma once

#include <string>
#include <vector>

#include "lab/world.hpp"

namespace portcullis::lab {

/// What the cloud's packet filter would say of one new flow.
struct Verdict {
  bool allowed = false;
  std::string by;  ///< "nsg/rule" that decided, "no NSG", or why there is no way at all
};

/// First matching rule by priority in the subnet's NSG, then in the NIC's; default rules included;
/// a machine behind no NSG is open. `from` and the private address are of one family. Service tags
/// are judged as far as the lab can know: VirtualNetwork, AzureLoadBalancer, Internet.
Verdict judge(const World& world, const std::string& from_address, const std::string& machine,
              std::uint16_t port, const std::string& protocol);

}  // namespace portcullis::lab
