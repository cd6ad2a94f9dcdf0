#pragma once

#include <optional>
#include <set>

#include "model/account.hpp"

namespace portcullis::plan {

/// Which inbound priorities are taken. One that a closing of this plan frees is used only when no
/// other is left, since the closing may fail.
class Priorities {
 public:
  void take(int priority) { taken_.insert(priority); }
  void free_later(int priority) { freed_.insert(priority); }

  /// Takes the lowest free one of the band above `floor` and below `ceiling`.
  std::optional<int> take_first(const model::Band& band, int floor, int ceiling);

  /// Takes the highest free one of the band above `floor`.
  std::optional<int> take_last(const model::Band& band, int floor);

 private:
  std::optional<int> take_free(int from, int to, int step);

  std::set<int> taken_;
  std::set<int> freed_;
};

}  // namespace portcullis::plan
