#include "controllers/clock_watch.hpp"

#include "base/log.hpp"
#include "plan/reasons.hpp"

namespace portcullis::controllers {
namespace {

// The machine's clock may be set at any moment, and nobody is told.
constexpr Duration look_again = std::chrono::seconds(2);

}  // namespace

Task<void> ClockWatch::run() {
  while (!stopped_) {
    const plan::ClockView seen = world_.look_at_clocks();
    if (seen.problem != told_.problem) tell(seen);
    co_await world_.clock.sleep_for(look_again, &wake_);
  }
}

void ClockWatch::stop() {
  stopped_ = true;
  wake_.notify();
}

void ClockWatch::tell(const plan::ClockView& seen) {
  if (seen.skewed) {
    log::warning("clocks disagree",
                 {{"problem", seen.problem}, {"opens", seen.stops_openings ? "nothing" : "still"}});
  } else {
    log::info("clocks agree again", {{"milliseconds", seen.apart.count()}});
  }
  const bool concerns_openings = seen.stops_openings || told_.stops_openings;
  told_ = seen;
  for (const auto& [key, account] : world_.stores.accounts.all()) world_.account_queue.add(key);
  if (!concerns_openings) return;
  for (const auto& [key, view] : world_.groups) {
    world_.mark_group(view.id, runtime::Workqueue::Urgency::normal);
  }
  for (const auto& [key, request] : world_.stores.requests.all()) world_.request_queue.add(key);
}

model::Condition describe_clocks(World& world) {
  const plan::ClockView& clocks = world.look_at_clocks();
  if (clocks.skewed) {
    return {.type = "ClockSkewed",
            .status = model::Truth::yes,
            .reason = plan::reason::clock_skew,
            .message = clocks.problem};
  }
  return {.type = "ClockSkewed",
          .status = model::Truth::no,
          .reason = plan::reason::clocks_agree,
          .message = "the clocks of this machine, the API server and the cloud are within " +
                     format_duration(plan::told_skew)};
}

}  // namespace portcullis::controllers
