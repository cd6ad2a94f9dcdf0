#include "app/workforce.hpp"

#include "app/identity.hpp"

namespace portcullis::app {

void Workforce::add(runtime::ControllerOptions options, runtime::Reconciler& reconciler,
                    runtime::Workqueue& queue) {
  controllers_.push_back(std::make_unique<runtime::Controller>(std::move(options), reconciler,
                                                               queue, clock_, random_seed()));
  runtime::Controller& controller = *controllers_.back();
  spawn_(controller.run_timers());
  using Urgency = runtime::Workqueue::Urgency;
  const int workers = controller.options().workers;
  for (int worker = 0; worker < workers + controller.options().closing_workers; ++worker) {
    ++busy_;
    spawn_(serve(&controller, worker < workers ? Urgency::background : Urgency::closing));
  }
}

Task<void> Workforce::serve(runtime::Controller* controller, runtime::Workqueue::Urgency least) {
  co_await controller->work(least);
  if (--busy_ == 0) on_idle_();
}

}  // namespace portcullis::app
