#pragma once

#include <simdjson.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "controllers/guard_shipped.hpp"
#include "kube/store.hpp"

namespace portcullis::controllers {

/// What is kept of an admission object in the cluster.
struct SeenGuard {
  std::string name{};
  bool ours = false;  ///< one that was shipped; of others nothing else is known
  std::string uid{};
  std::int64_t generation = 0;
  TimePoint written{};                      ///< created, or last edited by what managedFields tell
  std::optional<std::string> difference{};  ///< from what was shipped
};

inline kube::Names names_of(const SeenGuard& guard) { return {.ns = {}, .name = guard.name}; }

/// Compares the admission objects of the cluster with the shipped ones, and remembers what they
/// were: an object that was replaced (another uid) or edited (a higher generation) since has not
/// been in force all the time, however whole it looks again. No I/O, no clock.
class GuardBook {
 public:
  using Look = std::function<const SeenGuard*(const GuardName&)>;

  explicit GuardBook(ShippedGuards shipped) : shipped_(std::move(shipped)) {}

  SeenGuard read(GuardKind kind, simdjson::dom::element object) const;

  /// The first thing that is wrong, as a sentence without an end. `mutating`: whether the server
  /// has the kinds that stamp; without them clients say who they are, and must say the truth.
  std::optional<std::string> find_problem(const Look& look, bool mutating) const;

  struct Change {
    bool first = false;    ///< nothing was remembered before
    bool edited = false;   ///< something changed since it was remembered
    bool original = true;  ///< none was ever edited since it was created
    TimePoint written{};   ///< the newest that is known of any object
  };

  /// Takes objects in which there is no problem. An older copy of what is known changes nothing.
  Change remember(const Look& look, bool mutating);

  /// Of what is remembered: names, uids and generations.
  std::string fingerprint() const;

 private:
  struct Known {
    std::string uid;
    std::int64_t generation;
  };

  ShippedGuards shipped_;
  std::map<GuardName, Known> known_;
};

}  // namespace portcullis::controllers
