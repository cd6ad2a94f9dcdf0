#include "app/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <initializer_list>

#include "app/metric_names.hpp"
#include "controllers/open_grants.hpp"
#include "plan/request_status.hpp"

namespace portcullis::app {
namespace {

using prometheus::MetricFamily;
using Labels = std::initializer_list<std::string>;

MetricFamily family_of(const Metric& metric) {
  return {.name = metric.name, .help = metric.help, .type = metric.type, .metric = {}};
}

/// `values` are those of the metric's labels, in their order.
void add(MetricFamily& family, const Metric& metric, double value, Labels values = {}) {
  prometheus::ClientMetric sample;
  std::size_t place = 0;
  for (const std::string& label : values) {
    sample.label.push_back({metric.labels.at(place++), label});
  }
  if (metric.type == metric::Type::Counter) {
    sample.counter.value = value;
  } else {
    sample.gauge.value = value;
  }
  family.metric.push_back(std::move(sample));
}

MetricFamily single(const Metric& metric, double value, Labels values = {}) {
  MetricFamily family = family_of(metric);
  add(family, metric, value, values);
  return family;
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double number(std::uint64_t count) { return static_cast<double>(count); }

/// A status can hold anything that its writer put there: what is no state of ours has one name.
MetricFamily count_requests(const controllers::World& world) {
  using namespace plan::state;
  constexpr const char* unknown = "Unknown";
  std::map<std::string, std::uint64_t, std::less<>> counts;
  for (const char* state : {pending, scheduled, opening, active, closing, expired, revoked, denied,
                            withdrawn, timed_out, failed, planned, unknown}) {
    counts.emplace(state, 0);
  }
  for (const auto& request : world.stores.requests.all()) {
    const std::string& state = request->status.state;
    const auto found = counts.find(state.empty() ? std::string_view(pending) : state);
    ++(found == counts.end() ? counts.find(unknown) : found)->second;
  }
  MetricFamily family = family_of(metric::requests);
  for (const auto& [state, count] : counts) add(family, metric::requests, number(count), {state});
  return family;
}

MetricFamily count_rule_writes(const controllers::World& world) {
  using plan::Change;
  using plan::ChangeClass;
  MetricFamily family = family_of(metric::rules_written_total);
  for (const auto kind : {Change::Kind::put, Change::Kind::remove}) {
    for (const auto change_class :
         {ChangeClass::replace, ChangeClass::close, ChangeClass::keep, ChangeClass::lock,
          ChangeClass::open, ChangeClass::unlock, ChangeClass::cleanup}) {
      for (const bool succeeded : {true, false}) {
        const auto found = world.rules_written.find({kind, change_class, succeeded});
        add(family, metric::rules_written_total,
            found == world.rules_written.end() ? 0 : number(found->second),
            {kind == Change::Kind::put ? "put" : "remove", plan::to_string(change_class),
             succeeded ? "succeeded" : "failed"});
      }
    }
  }
  return family;
}

void collect_world(const controllers::World& world, std::vector<MetricFamily>& out) {
  out.push_back(count_requests(world));
  const auto grants = controllers::count_open_grants(world);
  out.push_back(single(metric::grants_open, number(grants.open)));
  out.push_back(single(metric::oldest_overdue_close_seconds, seconds(grants.oldest_overdue)));
  out.push_back(single(metric::overdue_closes, number(grants.overdue)));
  out.push_back(count_rule_writes(world));
  out.push_back(single(metric::orphans_closed_total, number(world.orphans_closed)));
  std::size_t left_out = 0;
  for (const auto& [account, inventory] : world.inventories) left_out += inventory.skipped;
  out.push_back(single(metric::inventory_left_out, number(left_out)));
  out.push_back(single(metric::guard_holds, world.guard.holds ? 1 : 0));
}

void collect_controllers(const std::vector<const runtime::Controller*>& controllers,
                         std::vector<MetricFamily>& out) {
  MetricFamily passes = family_of(metric::reconciles_total);
  MetricFamily depths = family_of(metric::queue_depth);
  for (const runtime::Controller* controller : controllers) {
    const std::string& name = controller->options().name;
    const runtime::Passes& ended = controller->passes();
    add(passes, metric::reconciles_total, number(ended.succeeded), {name, "succeeded"});
    add(passes, metric::reconciles_total, number(ended.conflicts), {name, "conflict"});
    add(passes, metric::reconciles_total, number(ended.failed), {name, "failed"});
    add(depths, metric::queue_depth, number(controller->queue().ready()), {name});
  }
  out.push_back(std::move(passes));
  out.push_back(std::move(depths));
}

/// Of all subscriptions together: which ones there are is the users' business.
MetricFamily count_held_back(const std::map<std::string, cloud::Budgets>& budgets) {
  MetricFamily family = family_of(metric::cloud_calls_held_back_total);
  for (const bool is_write : {false, true}) {
    for (std::size_t i = 0; i < cloud::kinds_of_work; ++i) {
      std::uint64_t count = 0;
      for (const auto& [subscription, one] : budgets) {
        count += (is_write ? one.writes : one.reads).held_back.at(i);
      }
      add(family, metric::cloud_calls_held_back_total, number(count),
          {is_write ? "writes" : "reads", cloud::to_string(static_cast<cloud::Work>(i))});
    }
  }
  return family;
}

}  // namespace

std::vector<MetricFamily> collect_metrics(const MetricSources& sources) {
  std::vector<MetricFamily> out;
  out.push_back(single(metric::build_info, 1, {PORTCULLIS_VERSION}));
  out.push_back(single(metric::leader, sources.leads ? 1 : 0));
  if (sources.world != nullptr) collect_world(*sources.world, out);
  collect_controllers(sources.controllers, out);
  MetricFamily skews = family_of(metric::clock_skew_seconds);
  for (const auto& [origin, skew] : sources.skews) {
    add(skews, metric::clock_skew_seconds, seconds(skew), {origin});
  }
  out.push_back(std::move(skews));
  MetricFamily ages = family_of(metric::api_watch_age_seconds);
  for (const auto& [kind, last] : sources.watches) {
    if (last == TimePoint{}) continue;  // no watch has brought anything yet
    add(ages, metric::api_watch_age_seconds, seconds(std::max(sources.now - last, Duration(0))),
        {kind});
  }
  out.push_back(std::move(ages));
  if (sources.budgets != nullptr) out.push_back(count_held_back(*sources.budgets));
  if (sources.cloud != nullptr)
    std::ranges::move(sources.cloud->collect(), std::back_inserter(out));
  std::erase_if(out, [](const MetricFamily& family) { return family.metric.empty(); });
  return out;
}

std::string render_metrics(const MetricSources& sources) {
  return prometheus::TextSerializer().Serialize(collect_metrics(sources));
}

}  // namespace portcullis::app
