#pragma once

#include <map>
#include <optional>
#include <string>

#include "controllers/world.hpp"
#include "plan/limits.hpp"

namespace portcullis::controllers {

/// Grants that were sent but that the store does not show yet, by request uid.
using SentVerdicts = std::map<std::string, model::AccessVerdict>;

/// What counts for the limits of a policy when this request is decided: live and scheduled grants,
/// those on their way included, so that of two requests that race the second sees the first.
plan::Usage usage_of(const World& world, const SentVerdicts& sent,
                     const model::AccessRequest& request, const model::JitPolicy& policy);

/// Ends, for good, those grants of its policy that are too many by its limits: two may have slipped
/// through when the leader changed, or the limits been lowered. Judged once until a grant comes or
/// the policy changes. The requests of those that end are woken. Says whether this one is among
/// them.
bool ends_by_limits(World& world, const model::AccessVerdict& verdict);

/// Until when a grant counts for its requester's total under its policy; nothing: it does not.
std::optional<TimePoint> counted_until(const World& world, const model::AccessVerdict& verdict);

}  // namespace portcullis::controllers
