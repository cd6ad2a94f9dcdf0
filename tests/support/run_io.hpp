#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/asio.hpp"

namespace portcullis::test {

/// For tests with real sockets and real time (run.hpp is for a FakeClock).
/// Runs `io` until `task` is done and returns its result; rethrows what it throws. Other work on
/// `io` goes on meanwhile and stays there afterwards. Throws after `bound` of real time, which only
/// a test that hangs ever sees.
template <typename T>
T run(asio::io_context& io, Task<T> task,
      std::chrono::steady_clock::duration bound = std::chrono::seconds(30)) {
  std::optional<T> result;
  std::exception_ptr failure;
  bool done = false;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown, T value) {
    failure = thrown;
    if (!thrown) result = std::move(value);
    done = true;
  });
  const auto end = std::chrono::steady_clock::now() + bound;
  while (!done && std::chrono::steady_clock::now() < end) {
    io.restart();
    io.run_one_until(end);
  }
  if (failure) std::rethrow_exception(failure);
  if (!done) throw std::runtime_error("the task did not end in time");
  return std::move(*result);
}

inline void run(asio::io_context& io, Task<void> task,
                std::chrono::steady_clock::duration bound = std::chrono::seconds(30)) {
  std::exception_ptr failure;
  bool done = false;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown) {
    failure = thrown;
    done = true;
  });
  const auto end = std::chrono::steady_clock::now() + bound;
  while (!done && std::chrono::steady_clock::now() < end) {
    io.restart();
    io.run_one_until(end);
  }
  if (failure) std::rethrow_exception(failure);
  if (!done) throw std::runtime_error("the task did not end in time");
}

/// Runs `io` until `condition` holds; false if it still does not after `bound` of real time.
inline bool run_until(asio::io_context& io, const std::function<bool()>& condition,
                      std::chrono::steady_clock::duration bound = std::chrono::seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + bound;
  while (!condition() && std::chrono::steady_clock::now() < end) {
    io.restart();
    io.run_one_until(
        std::min(end, std::chrono::steady_clock::now() + std::chrono::milliseconds(20)));
  }
  return condition();
}

}  // namespace portcullis::test
