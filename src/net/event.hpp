#pragma once

#include <exception>
#include <utility>

#include "base/asio.hpp"

namespace portcullis::net {

/// Something that happens once; a condition variable for one thread. The timer never expires: its
/// cancellation is the signal. Lives in a coroutine frame or a handler, so that it dies with the
/// io_context.
class Event {
 public:
  explicit Event(asio::io_context& io) : timer_(io, asio::steady_timer::time_point::max()) {}

  void set() {
    set_ = true;
    timer_.cancel();
  }

  /// The event must outlive the wait.
  Task<void> wait() {
    while (!set_) {
      boost::system::error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }

 private:
  asio::steady_timer timer_;
  bool set_ = false;
};

/// Starts a coroutine that handles its own errors. What escapes all the same is a defect: it leaves
/// `io_context::run`, and the program ends with it.
inline void spawn(asio::io_context& io, Task<void> task) {
  asio::co_spawn(io, std::move(task), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

}  // namespace portcullis::net
