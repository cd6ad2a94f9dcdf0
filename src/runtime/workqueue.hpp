#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "runtime/lanes.hpp"
#include "runtime/timers.hpp"

namespace portcullis::runtime {

/// Keys to reconcile: each at most once at a time, in order of urgency and then of arrival; some of
/// them only later. A key added while its pass runs is handed out again after it (level triggered).
/// Of two times for one key the earlier wins, with its urgency; a time in the past means now. One
/// thread.
class Workqueue {
 public:
  using Urgency = runtime::Urgency;
  using LaneOf = std::function<std::string(const std::string& key)>;

  explicit Workqueue(Clock& clock) : clock_(clock) {}

  /// From now on keys of equal urgency wait in lanes (`Lanes`): by this, asked when one is added.
  void use_lanes(LaneOf lane_of) { lane_of_ = std::move(lane_of); }

  void add(std::string key, Urgency urgency = Urgency::normal);
  void add_at(std::string key, TimePoint when, Urgency urgency = Urgency::normal);

  /// The next key that is at least so urgent, when there is one; nothing after `stop`. Each key
  /// taken must be given to `done`.
  Task<std::optional<std::string>> take(Urgency least = Urgency::background);
  void done(const std::string& key);

  /// How urgent a key was when it was taken, until it is done.
  Urgency taken_as(const std::string& key) const;

  /// Is told of each key that is in work while it becomes more urgent than it was when taken.
  void when_overtaken(std::function<void(const std::string& key)> what) {
    overtaken_ = std::move(what);
  }

  /// Takers get nothing from now on; keys in work may finish.
  void stop();

  bool idle() const { return ready() == 0 && in_work_.empty(); }
  std::size_t ready() const;  ///< keys that nobody has taken yet
  std::size_t in_work() const { return in_work_.size(); }
  std::size_t waiting() const { return takers_.size(); }

  /// Moves keys whose time has come into the queue; runs until `stop`.
  Task<void> run_timers();

 private:
  struct InWork {
    Urgency taken_as;
    std::optional<Urgency> again{};  ///< added meanwhile
  };

  Lanes& ready_as(Urgency urgency) { return ready_.at(static_cast<std::size_t>(urgency)); }
  std::optional<Urgency> urgency_of(const std::string& key) const;
  std::optional<Urgency> most_urgent(Urgency least) const;

  Clock& clock_;
  LaneOf lane_of_;
  std::array<Lanes, 3> ready_;  ///< by urgency; a key is in one of them
  std::map<std::string, InWork> in_work_;
  Timers later_;
  bool stopped_ = false;
  std::function<void(const std::string&)> overtaken_{};
  std::set<Wake*> takers_;
  Wake timer_wake_;
};

}  // namespace portcullis::runtime
