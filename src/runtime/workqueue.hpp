#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"

namespace portcullis::runtime {

/// Keys to reconcile: each at most once at a time, in order of urgency and then of arrival; some of
/// them only later. A key added while its pass runs is handed out again after it (level triggered).
/// Of two times for one key the earlier wins, with its urgency; a time in the past means now. One
/// thread.
class Workqueue {
 public:
  enum class Urgency : std::uint8_t { closing, normal, background };

  explicit Workqueue(Clock& clock) : clock_(clock) {}

  void add(std::string key, Urgency urgency = Urgency::normal);
  void add_at(std::string key, TimePoint when, Urgency urgency = Urgency::normal);

  /// The next key that is at least so urgent, when there is one; nothing after `stop`. Each key
  /// taken must be given to `done`.
  Task<std::optional<std::string>> take(Urgency least = Urgency::background);
  void done(const std::string& key);

  /// How urgent a key was when it was taken, until it is done.
  Urgency taken_as(const std::string& key) const;

  /// Takers get nothing from now on; keys in work may finish.
  void stop();

  bool idle() const { return ready_.empty() && in_work_.empty(); }
  std::size_t ready() const { return ready_.size(); }  ///< keys that nobody has taken yet
  std::size_t in_work() const { return in_work_.size(); }
  std::size_t waiting() const { return takers_.size(); }

  /// Moves keys whose time has come into the queue; runs until `stop`.
  Task<void> run_timers();

 private:
  struct Place {
    Urgency urgency;
    std::uint64_t number;
    auto operator<=>(const Place&) const = default;
  };

  Clock& clock_;
  std::map<Place, std::string> ready_;
  std::map<std::string, Place> place_of_;
  struct InWork {
    Urgency taken_as;
    std::optional<Urgency> again{};  ///< added meanwhile
  };
  std::map<std::string, InWork> in_work_;
  std::set<std::pair<TimePoint, std::string>> later_;
  std::map<std::string, std::pair<TimePoint, Urgency>> time_of_;
  std::uint64_t next_number_ = 0;
  bool stopped_ = false;
  std::set<Wake*> takers_;
  Wake timer_wake_;
};

}  // namespace portcullis::runtime
