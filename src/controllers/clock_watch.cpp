#include "controllers/clock_watch.hpp"

#include <set>
#include <utility>

#include "base/log.hpp"
#include "model/condition_types.hpp"
#include "plan/reasons.hpp"

namespace portcullis::controllers {
namespace {

// The machine's clock may be set at any moment, and nobody is told.
constexpr Duration look_again = std::chrono::seconds(2);

void log_clocks(const plan::ClockView& seen) {
  if (seen.skewed) {
    log::warning("clocks disagree",
                 {{"problem", seen.problem}, {"opens", seen.stops_openings ? "nothing" : "still"}});
  } else {
    log::info("clocks agree again", {{"milliseconds", seen.apart.count()}});
  }
}

}  // namespace

Task<void> ClockWatch::run() {
  while (!stopped_) {
    look();
    co_await world_.clock.sleep_for(look_again, &wake_);
  }
}

void ClockWatch::stop() {
  stopped_ = true;
  wake_.notify();
}

void ClockWatch::look() {
  std::map<std::string, plan::ClockView> seen;
  std::set<std::string> logged;  // most accounts have one cloud: its clock is told once
  for (const auto& account : world_.stores.accounts.all()) {
    const std::string& name = account->meta.name;
    const plan::ClockView& now = seen.emplace(name, world_.clocks.look(*account)).first->second;
    const plan::ClockView before = told_[name];
    if (now.problem == before.problem) continue;
    if (logged.insert(now.problem).second) log_clocks(now);
    wake(*account, now.stops_openings || before.stops_openings);
  }
  told_ = std::move(seen);
}

void ClockWatch::wake(const model::CloudAccount& account, bool concerns_openings) {
  const std::string& name = account.meta.name;
  world_.account_queue.add(name);
  if (!concerns_openings) return;
  for (const auto& [key, view] : world_.groups) {
    const auto* owner = world_.account_of(view.id);
    if (owner == nullptr || owner->meta.name != name) continue;
    world_.mark_group(view.id, runtime::Workqueue::Urgency::normal);
  }
  world_.wake_requests(name);
}

model::Condition describe_clocks(World& world, const model::CloudAccount& account) {
  const plan::ClockView& clocks = world.clocks.look(account);
  if (clocks.skewed) {
    return {.type = model::condition_type::clock_skewed,
            .status = model::Truth::yes,
            .reason = plan::reason::clock_skew,
            .message = clocks.problem};
  }
  return {.type = model::condition_type::clock_skewed,
          .status = model::Truth::no,
          .reason = plan::reason::clocks_agree,
          .message = "the clocks of this machine, the API server and the cloud are within " +
                     format_duration(plan::told_skew)};
}

}  // namespace portcullis::controllers
