#pragma once

#include <array>
#include <chrono>
#include <map>
#include <string>

#include "cloud/budget.hpp"
#include "cloud/pauses.hpp"

namespace portcullis::cloud {

/// A bounded number of calls at a time, each within its budget: by urgency of their work, then
/// writes before reads, then in the order of coming. Who cannot go for want of a token is passed by
/// whoever can. The last free slot is for closings only.
///
/// What took long the last time it was asked about has half of the slots at most, closings too:
/// calls that are not answered hold up others once, not each time they are tried again.
///
/// One thread. Whoever has taken a slot gives it back, always: no destructor does it, since frames
/// also die when the world around them is already gone.
class Slots {
 public:
  static constexpr int count = 8;
  static constexpr int most_slow = 4;  ///< of the calls about what was slow before
  static constexpr Duration slow = std::chrono::seconds(3);
  static constexpr Duration remembered = std::chrono::minutes(10);  ///< that something was slow

  /// A call's right to be under way.
  struct Slot {
    std::string about{};
    BootTime since{};
    bool was_slow = false;
  };

  Slots(Pauses& pauses, Clock& clock, Budgets& budgets)
      : pauses_(pauses), clock_(clock), budgets_(budgets) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  /// `throttled` when no token came in time, `timeout` when no slot did, `cancelled` at stop. The
  /// token is spent with success. Where a token would take more than half of the time anyway it
  /// fails at once. Only a closing is told when to come again: a group whose opening was told to
  /// wait would put off its closings, too.
  /// `about`: what `hurry` knows it by, and what is found slow.
  Task<Result<Slot>> take(Work work, bool is_write, Duration deadline, std::string about);

  /// By how long it was held is judged whether what it was about is slow.
  void give_back(const Slot& slot);
  void put_back(const Slot& slot) { release(slot.was_slow); }  ///< unused: it tells nothing

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
    bool was_slow = false;
    Wake wake{};
    bool granted = false;
    bool gives_way = false;
    bool timed = false;  ///< it sleeps until the next token, if it sleeps
  };

  void hand_out();
  bool is_passed(const Waiter& waiter) const;
  bool may_go(const Place& place, BootTime now);
  bool was_slow(const std::string& about) const;
  void judge(const Slot& slot);
  void release(bool was_slow);
  void leave(const Place& place);
  void watch_first();

  Pauses& pauses_;
  Clock& clock_;
  Budgets& budgets_;
  int free_ = count;
  int slow_under_way_ = 0;
  std::map<std::string, BootTime> slow_{};  ///< what took long, and when that was
  std::uint64_t next_number_ = 0;
  std::map<Place, Waiter*> queue_;
  /// The first of the reads and of the writes that are not passed: it waits for the next token for
  /// all behind it, who would wake in vain.
  std::array<Waiter*, 2> watching_{};
};

}  // namespace portcullis::cloud
