#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controllers/world.hpp"
#include "kube/reflector.hpp"

namespace portcullis::app {

/// Keeps the stores of our kinds as the API server has them.
class Watches {
 public:
  using Spawn = std::function<void(Task<void>)>;

  /// Begins at once; each runs as a task of its own until `stop`.
  Watches(kube::Client& client, controllers::Stores& stores, const Spawn& spawn);

  void stop();

  /// When something was last heard of each kind.
  std::map<std::string, TimePoint> last_heard() const;

 private:
  std::map<std::string, std::unique_ptr<kube::Reflector>> reflectors_;  ///< by kind
};

}  // namespace portcullis::app
