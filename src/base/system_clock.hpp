#pragma once

#include <list>

#include "base/clock.hpp"

namespace portcullis {

/// The machine's clocks. Waits are timerfds on CLOCK_BOOTTIME, so that a suspended machine wakes
/// late but never waits longer (Asio's own timers stop in suspend). Until a server's date was
/// observed, `now` is the wall clock at construction, advanced by boot time. One thread.
class SystemClock final : public Clock {
 public:
  SystemClock();

  TimePoint now() const override;
  BootTime boot_now() const override;
  void observe(TimePoint server_time) override;
  Task<void> sleep_until(TimePoint when, Wake* wake = nullptr) override;
  Task<void> sleep_for(Duration duration, Wake* wake = nullptr) override;

  /// Latest observed server time minus the wall clock at that moment; zero before the first.
  Duration skew() const { return skew_; }

 private:
  Task<void> sleep_until_boot(BootTime when, Wake* wake, bool* woken, bool follows_date);

  TimePoint base_time_;  ///< `now` at `base_boot_`
  BootTime base_boot_;
  bool observed_ = false;
  Duration skew_{0};
  std::list<asio::posix::stream_descriptor*> date_sleepers_;  ///< re-armed when the date moves
};

}  // namespace portcullis
