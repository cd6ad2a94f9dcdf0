#pragma once

#include <exception>
#include <optional>
#include <string>

#include "base/asio.hpp"

namespace portcullis::app {

/// Runs `part` to its end. What it threw, in words; nothing if all went well. So what has to follow
/// a failure can be awaited, which a handler of exceptions cannot do.
inline Task<std::optional<std::string>> failure_of(Task<void> part) {
  std::optional<std::string> failure;
  try {
    co_await std::move(part);
  } catch (const std::exception& error) {
    failure = error.what();
  } catch (...) {
    failure = "an exception of an unknown type";
  }
  co_return failure;
}

}  // namespace portcullis::app
