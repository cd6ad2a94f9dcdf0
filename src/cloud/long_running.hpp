#pragma once

#include <string>

#include "base/clock.hpp"
#include "cloud/arm_client.hpp"
#include "cloud/pauses.hpp"

namespace portcullis::cloud {

struct WaitOptions {
  Duration operation_deadline = std::chrono::minutes(5);
  Duration read_deadline = std::chrono::seconds(15);      ///< of one question
  Duration first_pause = std::chrono::milliseconds(100);  ///< without Retry-After; then it doubles
  Duration longest_pause = std::chrono::seconds(5);       ///< of those
  /// However long Retry-After is: so much below `operation_deadline` that the end is still seen.
  Duration longest_told_pause = std::chrono::minutes(2);
  Work work = Work::opening;  ///< what the operation is for, and so the questions
  std::string about{};        ///< likewise: see `Turn`
};

/// Waits for the end of what a PUT or DELETE began, in all the forms ARM has for it: done at once;
/// an `Azure-AsyncOperation` to ask; only a `Location`; only the resource's `provisioningState`.
/// The state decides, not the status: 200 and 201 may mean "began". (ARM's documentation,
/// async-operations.)
///
/// `sent` is the request that `first` answered, the resource's own address. Success says that the
/// operation ended well. A failed or cancelled one is an Error by its code; `timeout` when the end
/// did not come in time; `unavailable` when the operation is not known any more: in each of these
/// the write may have had its effect, and only a reading tells. Errors that may pass (5xx, 429, no
/// answer) do not end the waiting.
Task<Result<Done>> wait_for_operation(ArmClient& arm, Pauses& pauses, Clock& clock,
                                      net::Request sent, net::Response first, WaitOptions options);

}  // namespace portcullis::cloud
