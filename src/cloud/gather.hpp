#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "base/asio.hpp"

namespace portcullis::cloud {

/// Runs the tasks side by side and returns their values in order, when all have ended. An exception
/// of one is thrown here, after all have ended. What the tasks refer to must outlive them all: it
/// does, if it outlives this call.
template <typename T>
Task<std::vector<T>> gather(std::vector<Task<T>> tasks) {
  struct State {
    explicit State(const asio::any_io_executor& executor) : all_ended(executor) {}
    std::vector<std::optional<T>> values;
    std::size_t running = 0;
    std::exception_ptr failure;
    asio::steady_timer all_ended;  ///< cancelled to wake whoever waits
  };
  const auto executor = co_await asio::this_coro::executor;
  const auto state = std::make_shared<State>(executor);
  state->values.resize(tasks.size());
  state->running = tasks.size();
  state->all_ended.expires_at(asio::steady_timer::time_point::max());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    asio::co_spawn(executor, std::move(tasks[i]), [state, i](std::exception_ptr failure, T value) {
      if (failure) {
        state->failure = failure;
      } else {
        state->values[i] = std::move(value);
      }
      if (--state->running == 0) state->all_ended.cancel();
    });
  }
  while (state->running > 0) {
    boost::system::error_code woken;
    co_await state->all_ended.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  if (state->failure) std::rethrow_exception(state->failure);
  std::vector<T> values;
  values.reserve(state->values.size());
  for (auto& value : state->values) values.push_back(std::move(*value));
  co_return values;
}

}  // namespace portcullis::cloud
