#pragma once

#include <algorithm>
#include <random>

#include "base/clock.hpp"

namespace portcullis::kube {

/// client-go's pauses: 0.8 s doubled to 30 s, each drawn from [d, 2d); from the start again once no
/// pause was needed for two minutes.
class Backoff {
 public:
  explicit Backoff(std::uint64_t seed)
      : random_(static_cast<std::minstd_rand::result_type>(seed ^ (seed >> 32))) {}

  Duration next(BootTime now) {
    if (now - last_ > std::chrono::minutes(2)) base_ = first();
    last_ = now;
    const Duration base = base_;
    base_ = std::min(base_ * 2, longest());
    return base +
           Duration(std::uniform_int_distribution<Duration::rep>(0, base.count() - 1)(random_));
  }

  void reset() { base_ = first(); }

  static constexpr Duration first() { return std::chrono::milliseconds(800); }
  static constexpr Duration longest() { return std::chrono::seconds(30); }

 private:
  std::minstd_rand random_;
  Duration base_ = first();
  BootTime last_{};
};

}  // namespace portcullis::kube
