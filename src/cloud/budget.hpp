#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "cloud/token_bucket.hpp"

namespace portcullis::cloud {

/// What a subscription takes of reads, or of writes, which are counted apart.
struct Budget {
  explicit Budget(CallLimits limits) : tokens(limits) {}

  TokenBucket tokens;
  /// What the server said last: nothing is sent before.
  BootTime not_before{};
  std::string code{};
  /// Calls that could not be sent at once because of `tokens`, by their work.
  std::array<std::uint64_t, kinds_of_work> held_back{};

  /// A call met an empty bucket: counted, and logged once a minute at most.
  void note_shortage(const char* what, Work work, Duration wait, BootTime now);

 private:
  BootTime next_word_{};
};

/// Both of one subscription. Whoever calls it shares them; outlives them all.
struct Budgets {
  explicit Budgets(int percent = 100)
      : reads(scaled(azure_reads, percent)), writes(scaled(azure_writes, percent)) {}

  Budget reads;
  Budget writes;

  Budget& of(bool is_write) { return is_write ? writes : reads; }
};

}  // namespace portcullis::cloud
