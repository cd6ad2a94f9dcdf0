#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace portcullis::kube {

/// Ends the waits of one coroutine, for good. Asio 1.74 cannot cancel one operation of several: who
/// must end at once stops waiting for the operation and leaves it to its own deadline.
class Stop {
 public:
  bool requested() const { return requested_; }

  void request() {
    requested_ = true;
    if (waiting_ != nullptr) waiting_->notify();
  }

  /// Ends a sleep early; without one nothing happens.
  void rouse() {
    if (waiting_ != nullptr) waiting_->notify();
  }

  /// Returns early when stopped or roused.
  Task<void> sleep(Clock& clock, Duration duration) {
    Wake wake;
    co_await wait(clock, duration, wake);
  }

  /// The result of `work`; `cancelled` as soon as a stop is requested, `timeout` after `limit` (a
  /// guard: the work has a deadline of its own). Left work goes on by itself, its result is
  /// dropped; what it refers to has to live until the io_context has run or is gone.
  template <typename T>
  Task<Result<T>> wait_for(Clock& clock, Duration limit, Task<Result<T>> work) {
    const auto errand = std::make_shared<Errand<T>>();
    asio::co_spawn(co_await asio::this_coro::executor, carry_out(errand, std::move(work)),
                   [errand](std::exception_ptr problem) {
                     errand->problem = problem;
                     errand->done = true;
                     errand->wake.notify();
                   });
    const BootTime end = clock.boot_now() + limit;
    while (!errand->done && !requested_ && clock.boot_now() < end) {
      co_await wait(clock, end - clock.boot_now(), errand->wake);
    }
    if (requested_) co_return fail(Error::Kind::cancelled, "stopped");
    if (errand->problem) std::rethrow_exception(errand->problem);
    if (!errand->done) co_return fail(Error::Kind::timeout, "no answer in time");
    co_return std::move(*errand->result);
  }

 private:
  template <typename T>
  struct Errand {
    std::optional<Result<T>> result;
    std::exception_ptr problem;
    bool done = false;
    Wake wake;
  };

  struct Waiting {
    Stop& stop;
    Waiting(Stop& owner, Wake& wake) : stop(owner) { stop.waiting_ = &wake; }
    ~Waiting() { stop.waiting_ = nullptr; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
  };

  Task<void> wait(Clock& clock, Duration duration, Wake& wake) {
    if (requested_) co_return;
    const Waiting waiting(*this, wake);
    co_await clock.sleep_for(duration, &wake);
  }

  template <typename T>
  static Task<void> carry_out(std::shared_ptr<Errand<T>> errand, Task<Result<T>> work) {
    errand->result = co_await std::move(work);
  }

  bool requested_ = false;
  Wake* waiting_ = nullptr;
};

}  // namespace portcullis::kube
