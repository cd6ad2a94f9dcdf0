#pragma once

#include <cstdint>
#include <list>
#include <optional>

#include "base/clock.hpp"
#include "cloud/credential.hpp"
#include "cloud/pauses.hpp"

namespace portcullis::cloud {

/// The account's token, kept until it nears its end. Concurrent callers share one exchange, and
/// after one that failed nobody asks before the time that the service told (five minutes at most),
/// or else for a second, then two, up to half a minute. One thread; what it is given must outlive
/// it.
class TokenProvider {
 public:
  TokenProvider(Credential& credential, Pauses& pauses, Clock& clock)
      : credential_(credential), pauses_(pauses), clock_(clock) {}
  TokenProvider(const TokenProvider&) = delete;
  TokenProvider& operator=(const TokenProvider&) = delete;

  /// A token that is not yet to be renewed: renewal is due at 80 % of its life or five minutes
  /// before its end, whichever is earlier, but never in the first half of its life. While a renewal
  /// fails, the old token serves until its end. Errors as of `Credential::exchange`, and `timeout`.
  /// Where nobody may ask yet it waits if that takes at most half of the time it has, else it fails
  /// at once with the last failure, and what is left to wait.
  Task<Result<Secret>> token(Duration deadline);

  /// After the cloud refused a token: one newer than it. `unauthorized` without asking anybody if
  /// a renewal for the same cause is less than ten seconds old: asking again would not help.
  Task<Result<Secret>> renew(Secret refused, Duration deadline);

  /// The token in use, to keep it out of messages; may be empty.
  const Secret& current() const { return value_; }

 private:
  bool usable() const { return !value_.empty() && clock_.boot_now() < ends_; }
  Task<Result<Done>> wait_for_exchange(Duration deadline);
  Task<Result<Done>> rest(BootTime end);
  void note_failure(const Error& error);
  Task<Result<Done>> exchange(Duration deadline);

  Credential& credential_;
  Pauses& pauses_;
  Clock& clock_;

  Secret value_;
  BootTime renewal_due_{};
  BootTime ends_{};
  BootTime next_try_{};    ///< after a renewal that failed while the old token still serves
  BootTime not_before_{};  ///< nobody asks before, after exchanges that failed
  int failures_ = 0;       ///< in a row; those that merely took too long do not count
  std::optional<BootTime> forced_;

  bool exchanging_ = false;
  std::uint64_t ended_exchanges_ = 0;
  std::optional<Error> failure_;  ///< of the exchange that ended last
  std::list<Wake*> waiting_;
};

}  // namespace portcullis::cloud
