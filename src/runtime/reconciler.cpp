#include "runtime/reconciler.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace portcullis::runtime {

Controller::Controller(ControllerOptions options, Reconciler& reconciler, Workqueue& queue,
                       Clock& clock, std::uint64_t jitter_seed)
    : options_(std::move(options)),
      reconciler_(reconciler),
      queue_(queue),
      clock_(clock),
      random_(static_cast<std::minstd_rand::result_type>(jitter_seed | 1)) {}

Task<void> Controller::work(Workqueue::Urgency least) {
  while (const auto key = co_await queue_.take(least)) {
    const auto next = co_await guarded_pass(*key);
    count(next);
    if (!next) {
      const Duration wait = retry_wait(*key, next.error());
      const auto level =
          next.error().kind == Error::Kind::conflict ? log::Level::debug : log::Level::warning;
      log::write(level, "pass failed",
                 {{"controller", options_.name},
                  {"key", *key},
                  {"kind", to_string(next.error().kind)},
                  {"error", next.error().message},
                  {"retry_in", format_duration(wait)}});
      queue_.add_at(*key, clock_.now() + wait, queue_.taken_as(*key));
    } else {
      failures_.erase(*key);
      if (next->at) {
        queue_.add_at(*key, std::max(*next->at, clock_.now() + std::chrono::milliseconds(20)),
                      next->urgency);
      }
    }
    queue_.done(*key);
  }
}

Task<Result<Next>> Controller::guarded_pass(std::string key) {
  try {
    co_return co_await reconciler_.reconcile(key);
  } catch (const std::exception& broken) {
    co_return fail(Error::Kind::unavailable, std::string("exception: ") + broken.what());
  }
}

void Controller::count(const Result<Next>& outcome) {
  if (outcome) {
    ++passes_.succeeded;
  } else if (outcome.error().kind == Error::Kind::conflict) {
    ++passes_.conflicts;
  } else {
    ++passes_.failed;
  }
}

Duration Controller::retry_wait(const std::string& key, const Error& error) {
  Duration told{0};
  if (error.retry_after) {
    told = std::clamp<Duration>(*error.retry_after, Duration(100), std::chrono::minutes(1));
    if (!options_.gives_way) return told;
  }
  // A conflict means that the cache will catch up in a moment; it is no failure to back off from.
  const int failures = std::min(failures_[key]++, 16);
  if (error.kind == Error::Kind::conflict) {
    return std::min<Duration>(std::chrono::seconds(5), Duration(50) * (1 << std::min(failures, 7)));
  }
  const Duration wait = std::min(options_.last_retry, options_.first_retry * (1 << failures));
  return std::max(told, wait) +
         Duration(static_cast<Duration::rep>(
             random_() % static_cast<std::uint64_t>(std::max<Duration::rep>(wait.count() / 4, 1))));
}

}  // namespace portcullis::runtime
