#include "controllers/coming_grants.hpp"

#include <algorithm>

namespace portcullis::controllers {

void ComingGrants::expect(const std::string& request_uid, const std::set<std::string>& groups,
                          BootTime now) {
  for (const auto& group : groups) groups_[group].since.try_emplace(request_uid, now);
  if (!groups.empty()) groups_of_[request_uid].insert(groups.begin(), groups.end());
}

std::vector<std::string> ComingGrants::settle(const std::string& request_uid) {
  std::vector<std::string> freed;
  const auto known = groups_of_.extract(request_uid);
  if (!known) return freed;
  for (const auto& name : known.mapped()) {
    const auto group = groups_.find(name);
    if (group == groups_.end()) continue;
    group->second.since.erase(request_uid);
    if (!group->second.since.empty()) continue;
    if (group->second.held_since) freed.push_back(name);
    groups_.erase(group);
  }
  return freed;
}

std::optional<Duration> ComingGrants::hold(const std::string& group, BootTime now) {
  const auto known = groups_.find(group);
  if (known == groups_.end()) return std::nullopt;
  auto& [since, held_since] = known->second;
  const bool any =
      std::ranges::any_of(since, [&](const auto& one) { return now - one.second < comes_within; });
  const BootTime until = held_since.value_or(now) + longest_wait;
  if (!any || until <= now) {
    held_since.reset();
    return std::nullopt;
  }
  held_since = until - longest_wait;
  return until - now;
}

}  // namespace portcullis::controllers
