#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "runtime/workqueue.hpp"

namespace portcullis::runtime {

/// What to do with a key after a pass that succeeded.
struct Next {
  std::optional<TimePoint> at{};  ///< reconcile again then; unset: when something changes
  Workqueue::Urgency urgency = Workqueue::Urgency::normal;  ///< of that pass
};

/// Brings the world to what one object asks for. Called with a key and never with an event, never
/// twice at once for one key, and again from the start after any failure: every pass is idempotent.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  virtual Task<Result<Next>> reconcile(std::string key) = 0;
};

struct ControllerOptions {
  std::string name;  ///< in logs and metrics
  int workers = 1;
  int closing_workers = 0;  ///< besides: they take nothing but closings
  Duration first_retry = std::chrono::milliseconds(500);
  Duration last_retry = std::chrono::seconds(30);  ///< the cap of doubling
  /// Others need the budget more: what was told to come back comes no sooner than after any other
  /// failure. Who always comes first when a pause ends, only to be paused again, holds up all.
  bool gives_way = false;
};

/// How passes ended since the start.
struct Passes {
  std::uint64_t succeeded = 0;
  std::uint64_t conflicts = 0;  ///< something changed meanwhile: the cache will catch up
  std::uint64_t failed = 0;
};

/// Works off a queue with one reconciler. A failed pass is tried again, as urgently as it was:
/// after `retry_after` if the error has one (see `gives_way`), else after a doubling wait with
/// jitter. A pass that asks for the past runs again after a second: it must not spin. An exception
/// in a pass is a failed pass.
class Controller {
 public:
  Controller(ControllerOptions options, Reconciler& reconciler, Workqueue& queue, Clock& clock,
             std::uint64_t jitter_seed);

  /// One worker, for keys that are at least so urgent; run as many as the options say. Returns
  /// after the queue was stopped.
  Task<void> work(Workqueue::Urgency least = Workqueue::Urgency::background);

  /// The queue's timers; run once.
  Task<void> run_timers() { return queue_.run_timers(); }

  const ControllerOptions& options() const { return options_; }
  const Passes& passes() const { return passes_; }
  const Workqueue& queue() const { return queue_; }

 private:
  Task<Result<Next>> guarded_pass(std::string key);
  void count(const Result<Next>& outcome);
  Duration retry_wait(const std::string& key, const Error& error);

  ControllerOptions options_;
  Reconciler& reconciler_;
  Workqueue& queue_;
  Clock& clock_;
  std::minstd_rand random_;
  std::map<std::string, int> failures_;
  Passes passes_;
};

}  // namespace portcullis::runtime
