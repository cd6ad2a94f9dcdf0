#pragma once

#include <cstddef>
#include <cstdint>

namespace portcullis::cloud {

/// What a call is for, the most urgent first: where connections or budgets are short, it goes
/// before all that stand below it. Reads are for what they are needed for: those of a closing (the
/// fresh reading, the operation's end, the reading back) go before the writes of an opening.
enum class Work : std::uint8_t {
  overdue_closing,
  closing,
  lock,
  opening,  ///< unlocking, too, and the readings that locks and openings stand on
  drift,    ///< whether all is as it was; cleaning up
  survey,   ///< readings of machines whose policy was ready before: thousands, after a start
};
inline constexpr std::size_t kinds_of_work = 6;

/// Closings alone may use what is kept of connections and budgets.
constexpr bool is_closing(Work work) { return work <= Work::closing; }

/// The code of a `throttled` that the server did not say: its own budget held the call back.
inline constexpr const char* budget_used_up = "BudgetUsedUp";

const char* to_string(Work work);  ///< "overdue_closing", …: as it stands in logs and metrics

}  // namespace portcullis::cloud
