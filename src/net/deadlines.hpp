#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/asio.hpp"
#include "base/clock.hpp"

namespace portcullis::net {

/// Many deadlines, one sleeper: a timer for each request would cost four system calls, and nearly
/// all of them never fire. The sleeper wakes at the earliest time it was told of; one that was
/// taken back meanwhile costs an idle wake-up, and with nothing left the sleeper ends.
class Deadlines {
  struct State;
  struct Key {
    BootTime when;
    std::uint64_t serial;  ///< tells deadlines of the same millisecond apart
    auto operator<=>(const Key&) const = default;
  };

 public:
  Deadlines(asio::io_context& io, Clock& clock);
  ~Deadlines();
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  /// Takes its deadline back when it is destroyed. May outlive the Deadlines.
  class Guard {
   public:
    Guard() = default;
    ~Guard() { reset(); }
    Guard(Guard&& other) noexcept = default;
    Guard& operator=(Guard&& other) noexcept;

    void reset();

   private:
    friend class Deadlines;
    std::shared_ptr<State> state_{};
    Key key_{};
  };

  /// Calls `action` once `after` has passed, unless the guard went first.
  [[nodiscard]] Guard in(Duration after, std::function<void()> action);

  BootTime now() const;

  /// Forgets all deadlines and ends the sleeper; later ones never fire.
  void close();

 private:
  static Task<void> sleep(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace portcullis::net
