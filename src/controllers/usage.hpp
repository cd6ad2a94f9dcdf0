#pragma once

#include <map>
#include <optional>
#include <string>

#include "controllers/world.hpp"
#include "plan/decision.hpp"

namespace portcullis::controllers {

/// Grants that were sent but that the store does not show yet, by request uid.
using SentVerdicts = std::map<std::string, model::AccessVerdict>;

/// What counts for the limits of a policy when this request is decided: live and scheduled grants,
/// those on their way included, so that of two requests that race the second sees the first.
plan::Usage usage_of(const World& world, const SentVerdicts& sent,
                     const model::AccessRequest& request, const model::JitPolicy& policy);

/// Until when a grant counts for its requester's total under its policy; nothing: it does not.
std::optional<TimePoint> counted_until(const World& world, const model::AccessVerdict& verdict);

}  // namespace portcullis::controllers
