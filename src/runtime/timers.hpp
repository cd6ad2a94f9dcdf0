#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "runtime/urgency.hpp"

namespace portcullis::runtime {

/// Keys with a time each, the earliest first. What is kept as a record has one for days, so each
/// key is stored once.
class Timers {
 public:
  struct Timer {
    std::string key;
    TimePoint when;
    Urgency urgency;
  };

  Timers();
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  /// Of two times for one key the earlier wins, with its urgency; of two urgencies for one time the
  /// greater. True if that made the key the first of all.
  bool add(std::string key, TimePoint when, Urgency urgency);

  /// The earliest time; nothing if there is none.
  std::optional<TimePoint> first() const;

  /// Removes the first one, if its time has come.
  std::optional<Timer> take(TimePoint now);

 private:
  struct Index;
  std::unique_ptr<Index> index_;
};

}  // namespace portcullis::runtime
