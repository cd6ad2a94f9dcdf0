#pragma once

#include <string>

#include "lab/world.hpp"

namespace portcullis::lab::netns {

/// What becomes of a packet that an NSG denies. Azure drops it; an answer makes tests of many flows
/// fast.
enum class OnDeny { drop, refuse };

/// The nftables ruleset of one machine, as text for `nft -f`: it replaces the whole table in one
/// transaction, so that no packet meets half of it, and leaves established flows alone, but where
/// an NSG has flushConnection: that one is asked again for what they bring. For each private
/// address there is a chain that asks the NSGs before it in order: a chain of an NSG either ends
/// the packet or returns. Decides as judge() does. A machine that does not run takes no packet at
/// all.
std::string compile_filter(const World& world, const Machine& machine,
                           OnDeny on_deny = OnDeny::drop);

}  // namespace portcullis::lab::netns
