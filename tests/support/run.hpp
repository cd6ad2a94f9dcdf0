#pragma once

#include <exception>
#include <optional>
#include <stdexcept>

#include "support/fake_clock.hpp"

namespace portcullis::test {

template <typename T>
struct Outcome {
  std::optional<T> value;
  std::exception_ptr problem;
};

/// Starts a coroutine; its value stands in `outcome` once it has come to its end.
template <typename T>
void start(asio::io_context& io, Task<T> work, Outcome<T>& outcome) {
  asio::co_spawn(io, std::move(work), [&outcome](std::exception_ptr problem, T value) {
    outcome.problem = problem;
    outcome.value = std::move(value);
  });
}

/// Runs a coroutine to its end while time passes as it needs to, a day at most.
template <typename T>
T run(asio::io_context& io, FakeClock& clock, Task<T> work) {
  Outcome<T> outcome;
  start(io, std::move(work), outcome);
  settle(io);
  const BootTime last = clock.boot_now() + std::chrono::hours(24);
  while (!outcome.value && clock.sleepers() > 0 && clock.boot_now() < last) {
    clock.advance(std::max(clock.until_next(), Duration{1}));
    settle(io);
  }
  if (outcome.problem) std::rethrow_exception(outcome.problem);
  if (!outcome.value) throw std::logic_error("the coroutine never came to its end");
  return std::move(*outcome.value);
}

}  // namespace portcullis::test
