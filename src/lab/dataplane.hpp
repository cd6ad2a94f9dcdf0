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

  /// Makes the filters of every machine equal to the world's NSGs, atomically per machine. Flows that
  /// were established before stay (NSGs judge new flows).
  virtual Result<Done> apply(const World& world) = 0;

  /// Names of the network namespaces: client name -> namespace, "vm/<name>" -> namespace.
  virtual std::map<std::string, std::string> namespaces() const = 0;
};

/// Real network namespaces, veth pairs, nftables filters and TCP listeners that answer each
/// connection with one line "<machine>:<port>\n". Needs root and Linux. Everything made is removed when the
/// object dies; what an earlier run of the same `name` left behind is removed at the start.
Result<std::unique_ptr<Dataplane>> make_netns_dataplane(const World& world, std::string name);

}  // namespace portcullis::lab
