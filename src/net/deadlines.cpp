#include "net/deadlines.hpp"

#include <map>
#include <utility>

#include "net/event.hpp"

namespace portcullis::net {

struct Deadlines::State {
  State(asio::io_context& io_context, Clock& used_clock) : io(io_context), clock(used_clock) {}

  asio::io_context& io;
  Clock& clock;
  std::map<Key, std::function<void()>> entries;
  std::uint64_t next_serial = 0;
  Wake wake;
  BootTime sleeps_until = BootTime::max();
  bool sleeping = false;
  bool closed = false;
};

Deadlines::Guard& Deadlines::Guard::operator=(Guard&& other) noexcept {
  if (this != &other) {
    reset();
    state_ = std::move(other.state_);
    key_ = other.key_;
  }
  return *this;
}

void Deadlines::Guard::reset() {
  if (const auto state = std::exchange(state_, nullptr)) state->entries.erase(key_);
}

Deadlines::Deadlines(asio::io_context& io, Clock& clock)
    : state_(std::make_shared<State>(io, clock)) {}

Deadlines::~Deadlines() { close(); }

BootTime Deadlines::now() const { return state_->clock.boot_now(); }

Deadlines::Guard Deadlines::in(Duration after, std::function<void()> action) {
  Guard guard;
  if (state_->closed) return guard;
  const BootTime start = now();
  // An overflow would turn "for ever" into "long ago".
  const BootTime when = after > BootTime::max() - start ? BootTime::max() : start + after;
  guard.state_ = state_;
  guard.key_ = Key{.when = when, .serial = state_->next_serial++};
  state_->entries.emplace(guard.key_, std::move(action));
  if (!state_->sleeping) {
    state_->sleeping = true;
    state_->sleeps_until = when;
    spawn(state_->io, sleep(state_));
  } else if (when < state_->sleeps_until) {
    state_->sleeps_until = when;
    state_->wake.notify();
  }
  return guard;
}

void Deadlines::close() {
  state_->closed = true;
  state_->entries.clear();
  if (state_->sleeping) state_->wake.notify();
}

Task<void> Deadlines::sleep(std::shared_ptr<State> state) {
  while (!state->entries.empty()) {
    const auto first = state->entries.begin();
    const BootTime now = state->clock.boot_now();
    if (first->first.when <= now) {
      const auto action = std::move(first->second);
      state->entries.erase(first);
      action();
      continue;
    }
    state->sleeps_until = first->first.when;
    // A day at a time, so that no clock has to care about overflow.
    const Duration wait = std::min<Duration>(first->first.when - now, std::chrono::hours(24));
    co_await state->clock.sleep_for(wait, &state->wake);
  }
  state->sleeping = false;
  state->wake.notified = false;
}

}  // namespace portcullis::net
