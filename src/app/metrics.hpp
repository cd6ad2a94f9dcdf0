#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <string>
#include <vector>

#include "app/cloud_calls.hpp"
#include "cloud/budget.hpp"
#include "controllers/world.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::app {

/// Where the numbers come from; all of it is read at each scrape.
struct MetricSources {
  TimePoint now{};
  bool leads = false;
  const controllers::World* world = nullptr;  ///< null while another replica leads
  std::vector<const runtime::Controller*> controllers{};
  std::map<std::string, TimePoint> watches{};  ///< last activity by kind
  std::map<std::string, Duration> skews{};     ///< by origin
  const CloudCalls* cloud = nullptr;
  const std::map<std::string, cloud::Budgets>* budgets = nullptr;  ///< by subscription
};

/// What is not known is left out: a replica that waits says nothing of requests and grants.
std::vector<prometheus::MetricFamily> collect_metrics(const MetricSources& sources);

/// The same in Prometheus' text format 0.0.4.
std::string render_metrics(const MetricSources& sources);

}  // namespace portcullis::app
