#pragma once

#include <algorithm>
#include <list>

#include "base/clock.hpp"

namespace portcullis::test {

/// Runs everything that can run without time passing.
inline void settle(asio::io_context& io) {
  io.restart();
  io.poll();
}

/// Time that moves only when a test says so. Must outlive the io_context of its sleepers. Sleepers
/// that are due wake in the order in which they fell asleep.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(TimePoint start = TimePoint{std::chrono::seconds(1'795'000'000)})
      : now_(start) {}

  TimePoint now() const override { return now_; }
  BootTime boot_now() const override { return boot_; }

  /// Believes whatever it is told; base/trusted_time.hpp has its own tests.
  void observe(TimePoint server_time, std::string_view origin = "https://test") override {
    ++observed;
    observed_from = origin;
    now_ = std::max(now_, server_time);
    wake_due();
  }

  Task<void> sleep_until(TimePoint when, Wake* wake = nullptr) override {
    co_await sleep(Sleeper{.when = when, .by_date = true}, wake);
  }

  Task<void> sleep_for(Duration duration, Wake* wake = nullptr) override {
    co_await sleep(Sleeper{.boot_when = boot_ + duration}, wake);
  }

  /// Both clocks; the machine was awake or suspended, that is the same.
  void advance(Duration by) {
    now_ += by;
    boot_ += by;
    wake_due();
  }

  /// Time passes step by step: whoever is due runs at his own time, not at the end.
  void run_for(asio::io_context& io, Duration duration) {
    const BootTime end = boot_ + duration;
    settle(io);
    while (boot_ < end) {
      advance(std::min(end - boot_, std::max(until_next(), Duration{1})));
      settle(io);
    }
  }

  /// Until the next sleeper is due; the longest duration if nobody sleeps.
  Duration until_next() const {
    Duration soonest = Duration::max();
    for (const Sleeper* sleeper : sleepers_) soonest = std::min(soonest, remaining(*sleeper));
    return soonest;
  }

  std::size_t sleepers() const { return sleepers_.size(); }

  int observed = 0;           ///< how often a server's date came
  std::string observed_from;  ///< the origin that it came from last

 private:
  struct Sleeper {
    TimePoint when{};
    BootTime boot_when{};
    bool by_date = false;
    asio::steady_timer* timer = nullptr;
  };

  Duration remaining(const Sleeper& sleeper) const {
    return sleeper.by_date ? sleeper.when - now_ : sleeper.boot_when - boot_;
  }

  Task<void> sleep(Sleeper sleeper, Wake* wake) {
    struct Registration {
      std::list<Sleeper*>& all;
      std::list<Sleeper*>::iterator place;
      Wake* wake;
      ~Registration() {
        all.erase(place);
        if (wake != nullptr) wake->cancel = nullptr;
      }
    };
    asio::steady_timer timer(co_await asio::this_coro::executor);
    sleeper.timer = &timer;
    const Registration registration{sleepers_, sleepers_.insert(sleepers_.end(), &sleeper), wake};
    if (wake != nullptr) wake->cancel = [&timer] { timer.cancel(); };
    while (remaining(sleeper) > Duration{0} && (wake == nullptr || !wake->notified)) {
      timer.expires_at(asio::steady_timer::time_point::max());
      boost::system::error_code woken;  // advance() and notify() wake by cancelling
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    if (wake != nullptr) wake->notified = false;
  }

  void wake_due() {
    for (const Sleeper* sleeper : sleepers_) {
      if (remaining(*sleeper) <= Duration{0}) sleeper->timer->cancel();
    }
  }

  TimePoint now_;
  BootTime boot_{std::chrono::hours(1)};
  std::list<Sleeper*> sleepers_;
};

}  // namespace portcullis::test
