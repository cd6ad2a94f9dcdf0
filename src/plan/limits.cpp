#include "plan/limits.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>

#include "plan/lifecycle.hpp"

namespace portcullis::plan {
namespace {

// Creation is in whole seconds, and was stamped after the limits were judged: what just did not
// count any more then does not now.
constexpr Duration slack = std::chrono::minutes(1);

/// What somebody was granted under the policy so far.
struct Account {
  int live = 0;
  std::string_view live_request{};
  std::vector<const model::AccessVerdict*> all{};
};

Duration total_before(const Account& account, TimePoint created) {
  Duration total{};
  for (const auto* earlier : account.all) {
    if (ends_at(*earlier) > created - total_counts_for + slack) total += earlier->duration;
  }
  return total;
}

}  // namespace

std::optional<std::string> exceeded_limit(const model::JitPolicy::Limits& limits,
                                          const Usage& usage, const std::string& requester,
                                          Duration duration) {
  if (limits.active_per_requester && usage.active_of_requester >= *limits.active_per_requester) {
    return "\"" + requester + "\" has " + std::to_string(usage.active_of_requester) +
           " live requests (\"" + usage.live_request + "\"), the policy allows " +
           std::to_string(*limits.active_per_requester) + " (limits.activePerRequester)";
  }
  if (limits.active && usage.active >= *limits.active) {
    return "the policy has " + std::to_string(usage.active) + " live requests, it allows " +
           std::to_string(*limits.active) + " (limits.active)";
  }
  if (limits.total_duration && usage.total_of_requester + duration > *limits.total_duration) {
    return "with " + format_duration(usage.total_of_requester) + " granted in 24h and " +
           format_duration(duration) + " asked, the policy allows " +
           format_duration(*limits.total_duration) + " (limits.totalDuration)";
  }
  return std::nullopt;
}

std::vector<Surplus> find_surplus(const model::JitPolicy::Limits& limits,
                                  std::vector<Granted> granted) {
  std::ranges::sort(granted, {}, [](const Granted& grant) {
    const auto& meta = grant.verdict->meta;
    return std::tuple(meta.created, std::string_view(meta.uid));
  });
  std::vector<Surplus> surplus;
  std::map<std::string_view, Account> accounts;
  int active = 0;
  for (const auto& [verdict, live] : granted) {
    Account& account = accounts[verdict->requester];
    if (live) {
      Usage usage{.active = active,
                  .active_of_requester = account.live,
                  .live_request = std::string(account.live_request)};
      if (limits.total_duration) {
        usage.total_of_requester = total_before(account, verdict->meta.created);
      }
      auto exceeded = exceeded_limit(limits, usage, verdict->requester, verdict->duration);
      if (exceeded) {
        surplus.push_back({.verdict = verdict, .message = std::move(*exceeded)});
      } else {
        ++active;
        ++account.live;
        account.live_request = verdict->request_name;
      }
    }
    if (limits.total_duration) account.all.push_back(verdict);
  }
  return surplus;
}

}  // namespace portcullis::plan
