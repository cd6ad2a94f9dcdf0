#pragma once

#include <prometheus/metric_type.h>

#include <array>

namespace portcullis::app {

/// What is served under /metrics. docs/reference.md lists the same, and a test compares them. No
/// label ever holds what a user chose: its values are words of ours, kinds of the API, and the
/// addresses of servers that the operator was told of.
struct Metric {
  const char* name;
  prometheus::MetricType type;
  std::array<const char*, 3> labels;  ///< null: none
  const char* help;
};

namespace metric {

using Type = prometheus::MetricType;

inline constexpr Metric build_info{"portcullis_build_info", Type::Gauge, {"version"}, "Always 1."};
inline constexpr Metric leader{
    "portcullis_leader", Type::Gauge, {}, "1 while this process holds the lease, else 0."};
inline constexpr Metric requests{
    "portcullis_requests", Type::Gauge, {"state"}, "AccessRequests by state, as last seen."};
inline constexpr Metric grants_open{
    "portcullis_grants_open",
    Type::Gauge,
    {},
    "Grants that a rule was written for or seen in the cloud, and that are not proven closed."};
inline constexpr Metric oldest_overdue_close_seconds{
    "portcullis_oldest_overdue_close_seconds",
    Type::Gauge,
    {},
    "Time since the end of the grant that should have been closed longest ago and is not proven "
    "closed; 0 when there is none."};
inline constexpr Metric overdue_closes{
    "portcullis_overdue_closes",
    Type::Gauge,
    {},
    "Grants past their end and not proven closed, or open rules past theirs, whichever are more."};
inline constexpr Metric rules_written_total{"portcullis_rules_written_total",
                                            Type::Counter,
                                            {"change", "class", "outcome"},
                                            "Writes of single rules in NSGs that were tried."};
inline constexpr Metric orphans_closed_total{"portcullis_orphans_closed_total",
                                             Type::Counter,
                                             {},
                                             "Open rules that were removed and no grant's."};
inline constexpr Metric cloud_requests_total{"portcullis_cloud_requests_total",
                                             Type::Counter,
                                             {"method", "code"},
                                             "HTTP requests to the cloud, those for tokens too."};
inline constexpr Metric cloud_request_seconds{"portcullis_cloud_request_seconds",
                                              Type::Histogram,
                                              {"method"},
                                              "How long they took, whatever the answer."};
inline constexpr Metric cloud_calls_held_back_total{
    "portcullis_cloud_calls_held_back_total",
    Type::Counter,
    {"budget", "work"},
    "Calls that could not be sent at once because the subscription's budget was used up."};
inline constexpr Metric reconciles_total{"portcullis_reconciles_total",
                                         Type::Counter,
                                         {"controller", "outcome"},
                                         "Passes of the controllers."};
inline constexpr Metric queue_depth{"portcullis_queue_depth",
                                    Type::Gauge,
                                    {"controller"},
                                    "Keys that are due and that no worker has taken yet."};
inline constexpr Metric inventory_left_out{
    "portcullis_inventory_left_out",
    Type::Gauge,
    {},
    "Items of the last lists of machines, interfaces and networks that were not understood."};
inline constexpr Metric guard_holds{
    "portcullis_guard_holds",
    Type::Gauge,
    {},
    "1 while the admission policies are proven to be in force; at 0 "
    "nothing is granted."};
inline constexpr Metric clock_skew_seconds{
    "portcullis_clock_skew_seconds",
    Type::Gauge,
    {"origin"},
    "How far a server's date is ahead of this machine's clock."};
inline constexpr Metric api_watch_age_seconds{
    "portcullis_api_watch_age_seconds",
    Type::Gauge,
    {"kind"},
    "Time since the watch of a kind last brought anything, bookmarks included."};

}  // namespace metric

}  // namespace portcullis::app
