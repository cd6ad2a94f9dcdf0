#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "runtime/reconciler.hpp"

namespace portcullis::app {

/// The controllers with their workers, each a task of its own. They end when the queues are
/// stopped, each with the pass that it is in.
class Workforce {
 public:
  using Spawn = std::function<void(Task<void>)>;

  /// `on_idle`: the last worker has returned.
  Workforce(Clock& clock, Spawn spawn, std::function<void()> on_idle)
      : clock_(clock), spawn_(std::move(spawn)), on_idle_(std::move(on_idle)) {}

  void add(runtime::ControllerOptions options, runtime::Reconciler& reconciler,
           runtime::Workqueue& queue);

  bool busy() const { return busy_ > 0; }
  const std::vector<std::unique_ptr<runtime::Controller>>& controllers() const {
    return controllers_;
  }

 private:
  Task<void> serve(runtime::Controller* controller, runtime::Workqueue::Urgency least);

  Clock& clock_;
  Spawn spawn_;
  std::function<void()> on_idle_;
  std::vector<std::unique_ptr<runtime::Controller>> controllers_;
  int busy_ = 0;  ///< workers that have not returned
};

}  // namespace portcullis::app
