#pragma once

#include "base/clock.hpp"

namespace portcullis::app {

/// Keeps the memory that the process holds close to what it needs: when it has worked, what that
/// left free goes back to the system, and so do the pages of programs and libraries, of which the
/// start and each burst look at many that nobody looks at for hours after it. A few milliseconds,
/// and the less often the less is done.
class Housekeeping {
 public:
  explicit Housekeeping(Clock& clock) : clock_(clock) {}

  /// Until `stop`.
  Task<void> run();
  void stop();

 private:
  Clock& clock_;
  bool stopped_ = false;
  Wake wake_;
};

}  // namespace portcullis::app
