#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "lab/dataplane.hpp"
#include "lab/netns_filter.hpp"

namespace portcullis::lab::netns {

/// make_netns_dataplane() with the choice of what denied packets meet.
///
/// Namespaces: `pcl-<name>-net` routes between all others; machines are `pcl-<name>-vm-<n>`,
/// clients `pcl-<name>-cl-<n>`, counted from 1 in the world's order. A machine or client that the
/// world gains, loses or changes (addresses, ports) at a later apply() is made, removed or made
/// anew; the rest keeps its flows. A machine's own connections keep its private address: nothing is
/// translated on the way out. Nothing is made in the namespace of the caller, and nothing routes
/// out of the fabric.
///
/// One lab of a name at a time: a second one fails with `conflict`. Calls block for the time that
/// `ip` and `nft` take, some 10 ms for each machine that changed.
Result<std::unique_ptr<Dataplane>> make_dataplane(const World& world, const std::string& name,
                                                  OnDeny on_deny);

}  // namespace portcullis::lab::netns
