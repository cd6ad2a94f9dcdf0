#pragma once

#include <functional>

#include "base/asio.hpp"
#include "base/time.hpp"

namespace portcullis {

/// Cuts a wait short. One waiter at a time; `notify` before the wait makes it return at once.
struct Wake {
  bool notified = false;
  std::function<void()> cancel;  ///< set by the clock while somebody waits

  void notify() {
    notified = true;
    if (cancel) cancel();
  }
};

/// Time since some start that never jumps and runs on while the machine is suspended.
using BootTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// The only source of time and of waiting. Nothing else calls `now()` or makes a timer.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Never goes back once a date was believed, and never earlier than the latest one that was,
  /// advanced by boot time.
  virtual TimePoint now() const = 0;

  /// For deadlines and leases: unaffected by any change of the date.
  virtual BootTime boot_now() const = 0;

  /// A date that `origin` ("https://host:port") stated, proven by TLS. Moves `now` forward, never
  /// back; far ahead only when another origin says the same.
  virtual void observe(TimePoint server_time, std::string_view origin) = 0;

  /// Returns when `now() >= when`, or when `wake` is notified (which resets it).
  virtual Task<void> sleep_until(TimePoint when, Wake* wake = nullptr) = 0;

  /// Like `sleep_until`, by boot time.
  virtual Task<void> sleep_for(Duration duration, Wake* wake = nullptr) = 0;
};

}  // namespace portcullis
