#pragma once

#include <list>

#include "base/clock.hpp"
#include "base/trusted_time.hpp"

namespace portcullis {

/// CLOCK_BOOTTIME, which goes on while the process or the machine is stopped. Any thread.
BootTime read_boot_clock();

/// The machine's clocks. Waits are timerfds on CLOCK_BOOTTIME, so that a suspended machine wakes
/// late but never waits longer (Asio's own timers stop in suspend). Until a server's date was
/// observed, `now` is the wall clock at construction, advanced by boot time. One thread.
class SystemClock final : public Clock {
 public:
  SystemClock();

  TimePoint now() const override;
  BootTime boot_now() const override;
  void observe(TimePoint server_time, std::string_view origin) override;
  Task<void> sleep_until(TimePoint when, Wake* wake = nullptr) override;
  Task<void> sleep_for(Duration duration, Wake* wake = nullptr) override;

  /// What the machine's clock says, right or wrong: to be told, never to decide by.
  TimePoint wall_now() const;

  /// Whether a server stated a date, believed or doubted (see TrustedTime).
  bool heard_a_date() const;

  /// The latest that the wall clock or any server says; never before `now`.
  TimePoint latest() const;

  /// How far the servers' dates are from the wall clock, those that `now` does not follow (see
  /// TrustedTime) too: the largest difference either way, positive if a server is ahead.
  Duration skew() const;

  /// By the origins that stated a date: "https://host:port".
  std::map<std::string, Duration> skews() const;

 private:
  Task<void> sleep_until_boot(BootTime when, Wake* wake, bool* woken, bool follows_date);

  TrustedTime time_;
  std::list<asio::posix::stream_descriptor*> date_sleepers_;  ///< re-armed when the date moves
};

}  // namespace portcullis
