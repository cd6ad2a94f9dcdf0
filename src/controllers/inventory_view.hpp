#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/inventory.hpp"

namespace portcullis::controllers {

/// What the lists of an account's subscription showed last. It finds what has to be read; nothing
/// is locked, opened or let go by it.
struct InventoryView {
  Duration period{};                              ///< how often it is taken
  std::optional<TimePoint> listed_at{};           ///< when the last whole one was begun
  std::optional<Error> error{};                   ///< of the last try
  std::vector<model::ListedMachine> machines{};   ///< without their ways
  std::vector<model::ListedAddress> addresses{};  ///< of all interfaces
  std::size_t skipped = 0;                        ///< items that are not understood
  /// What was shown of a machine, by resource_key, as a fingerprint; see `standing.hpp`.
  std::unordered_map<std::string, std::uint64_t> shown{};
  std::optional<TimePoint> groups_listed_at{};  ///< likewise, of the list of groups
};

}  // namespace portcullis::controllers
