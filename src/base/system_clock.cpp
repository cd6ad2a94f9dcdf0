#include "base/system_clock.hpp"

#include <sys/timerfd.h>
#include <ctime>
#include <stdexcept>
#include <system_error>

#include "base/log.hpp"

namespace portcullis {

BootTime read_boot_clock() {
  timespec value{};
  clock_gettime(CLOCK_BOOTTIME, &value);
  return BootTime{std::chrono::seconds(value.tv_sec) +
                  std::chrono::milliseconds(value.tv_nsec / 1'000'000)};
}

namespace {

TimePoint read_wall_clock() {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

/// A timer that becomes readable at `when`; a time that has passed makes it readable at once.
int make_timer(BootTime when) {
  const int descriptor = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  const auto since = std::max(when.time_since_epoch(), Duration{1});
  itimerspec spec{};
  spec.it_value.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(since).count();
  spec.it_value.tv_nsec = (since % std::chrono::seconds(1)).count() * 1'000'000;
  timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &spec, nullptr);
  return descriptor;
}

}  // namespace

SystemClock::SystemClock() : time_(read_wall_clock(), read_boot_clock()) {}

BootTime SystemClock::boot_now() const { return read_boot_clock(); }

TimePoint SystemClock::now() const { return time_.at(read_boot_clock()); }

TimePoint SystemClock::wall_now() const { return read_wall_clock(); }

void SystemClock::observe(TimePoint server_time, std::string_view origin) {
  const auto heard = time_.observe(server_time, origin, read_boot_clock());
  if (heard == TrustedTime::Heard::doubted) {
    log::warning("a server's date is far ahead and not believed until another one agrees",
                 {{"origin", origin}, {"date", format_rfc3339(server_time)}});
  }
  if (heard != TrustedTime::Heard::moved) return;
  for (auto* sleeper : date_sleepers_) sleeper->cancel();  // their boot deadline has changed
}

bool SystemClock::heard_a_date() const {
  return time_.latest_stated(read_boot_clock()).has_value();
}

TimePoint SystemClock::latest() const {
  const TimePoint known = std::max(now(), read_wall_clock());
  return std::max(known, time_.latest_stated(read_boot_clock()).value_or(known));
}

Duration SystemClock::skew() const {
  return time_.largest_skew(read_wall_clock(), read_boot_clock());
}

std::map<std::string, Duration> SystemClock::skews() const {
  return time_.skews(read_wall_clock(), read_boot_clock());
}

Task<void> SystemClock::sleep_until_boot(BootTime when, Wake* wake, bool* woken,
                                         bool follows_date) {
  asio::posix::stream_descriptor timer(co_await asio::this_coro::executor, make_timer(when));
  struct Registration {
    SystemClock& clock;
    Wake* wake;
    std::list<asio::posix::stream_descriptor*>::iterator place;
    bool listed;
    ~Registration() {
      if (listed) clock.date_sleepers_.erase(place);
      if (wake != nullptr) wake->cancel = nullptr;
    }
  };
  Registration registration{*this, wake, {}, follows_date};
  if (follows_date) {
    registration.place = date_sleepers_.insert(date_sleepers_.end(), &timer);
  }
  if (wake != nullptr) wake->cancel = [&timer] { timer.cancel(); };
  if (wake == nullptr || !wake->notified) {
    boost::system::error_code ignored;  // cancelled: notified, or the date moved
    co_await timer.async_wait(asio::posix::stream_descriptor::wait_read,
                              asio::redirect_error(asio::use_awaitable, ignored));
  }
  *woken = wake != nullptr && wake->notified;
}

Task<void> SystemClock::sleep_until(TimePoint when, Wake* wake) {
  bool woken = false;
  while (!woken && now() < when) {
    // A day at a time: far dates then need no care about overflow.
    const Duration wait = std::min<Duration>(when - now(), std::chrono::hours(24));
    co_await sleep_until_boot(boot_now() + wait, wake, &woken, true);
  }
  if (wake != nullptr) wake->notified = false;
}

Task<void> SystemClock::sleep_for(Duration duration, Wake* wake) {
  const BootTime when = boot_now() + duration;
  bool woken = false;
  while (!woken && boot_now() < when) co_await sleep_until_boot(when, wake, &woken, false);
  if (wake != nullptr) wake->notified = false;
}

}  // namespace portcullis
