#include "plan/priorities.hpp"

#include <algorithm>

namespace portcullis::plan {

std::optional<int> Priorities::take_first(const model::Band& band, int floor, int ceiling) {
  return take_free(std::max(band.from, floor + 1), std::min(band.to, ceiling - 1), 1);
}

std::optional<int> Priorities::take_last(const model::Band& band, int floor) {
  return take_free(std::max(band.from, floor + 1), band.to, -1);
}

std::optional<int> Priorities::take_free(int from, int to, int step) {
  for (const bool also_freed : {false, true}) {
    for (int i = 0; i <= to - from; ++i) {
      const int priority = step > 0 ? from + i : to - i;
      const bool taken = taken_.contains(priority);
      if (taken && !(also_freed && freed_.contains(priority))) continue;
      taken_.insert(priority);
      freed_.erase(priority);
      return priority;
    }
  }
  return std::nullopt;
}

}  // namespace portcullis::plan
