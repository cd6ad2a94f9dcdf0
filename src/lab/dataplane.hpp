#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "lab/world.hpp"

namespace portcullis::lab {

/// Where packets flow. Called with the whole world at start and after every change of it.
class Dataplane {
 public:
  virtual ~Dataplane() = default;

  /// Makes the filters of every machine equal to the world's NSGs, atomically per machine. Flows
  /// that were established before stay (NSGs judge new flows). What does not change costs nothing,
  /// so it may be called again at will; after an Error the next call tries what is missing. A world
  /// that is refused
  /// (`invalid`: an address or name twice) changes nothing.
  virtual Result<Done> apply(const World& world) = 0;

  /// Names of the network namespaces: client name -> namespace, "vm/<name>" -> namespace. Of
  /// machines with the same name, all but the first are "vm/<resource group>/<name>".
  virtual std::map<std::string, std::string> namespaces() const = 0;
};

/// Real network namespaces, veth pairs, nftables filters and TCP listeners that answer each
/// connection with one line "<machine>:<port>\n" and then send back what they get. Needs root,
/// Linux, `ip` and `nft`; where something is missing the Error is `unsupported` and says what.
/// `conflict`: a lab of that name is running. Everything made is removed when the object dies; what
/// an earlier run of the same `name` left behind is removed at the start. netns_dataplane.hpp says
/// more.
Result<std::unique_ptr<Dataplane>> make_netns_dataplane(const World& world, std::string name);

}  // namespace portcullis::lab
