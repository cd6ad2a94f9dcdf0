#pragma once

#include <array>
#include <map>
#include <string>

#include "cloud/budget.hpp"
#include "cloud/pauses.hpp"

namespace portcullis::cloud {

/// A bounded number of calls at a time, each within its budget: by urgency of their work, then
/// writes before reads, then in the order of coming. Who cannot go for want of a token is passed by
/// whoever can. The last free slot is for closings only, so calls that hang hold up none.
///
/// One thread. Whoever has taken a slot gives it back, always: no destructor does it, since frames
/// also die when the world around them is already gone.
class Slots {
 public:
  Slots(Pauses& pauses, Clock& clock, Budgets& budgets, int count)
      : pauses_(pauses), clock_(clock), budgets_(budgets), free_(count) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  /// `throttled` when no token came in time, `timeout` when no slot did, `cancelled` at stop. The
  /// token is spent with success. Where a token would take more than half of the time anyway it
  /// fails at once. Only a closing is told when to come again: a group whose opening was told to
  /// wait would put off its closings, too.
  /// `about`: what `hurry` knows it by.
  Task<Result<Done>> take(Work work, bool is_write, Duration deadline, std::string about = "");
  void give_back();

  /// Whoever stands in the queue with something about this stands there for a closing from now on;
  /// but a write that opens fails with `conflict`: what it opens may be what has to close.
  void hurry(const std::string& about);

 private:
  struct Place {
    Work work;
    bool is_read;
    std::uint64_t number;
    auto operator<=>(const Place&) const = default;
  };
  struct Waiter {
    Place place{};
    const std::string& about;
    Wake wake{};
    bool granted = false;
    bool gives_way = false;
    bool timed = false;  ///< it sleeps until the next token, if it sleeps
  };

  void hand_out();
  bool may_go(const Place& place, BootTime now);
  void leave(const Place& place);
  void watch_first();

  Pauses& pauses_;
  Clock& clock_;
  Budgets& budgets_;
  int free_;
  std::uint64_t next_number_ = 0;
  std::map<Place, Waiter*> queue_;
  /// The first of the reads and of the writes: it waits for the next token for all behind it, who
  /// would wake in vain.
  std::array<Waiter*, 2> watching_{};
};

}  // namespace portcullis::cloud
