#pragma once

#include <optional>
#include <string>

#include "plan/decision.hpp"

namespace portcullis::plan {

/// Why a request is not granted, or not yet; nothing: nothing speaks against it.
using Finding = std::optional<Decision>;

/// Whether what the request asks for is within the terms of its policy, which must be there: its
/// machines, ports, sources, duration, reason and start. What the requester can mend by another
/// request.
Finding asks_within_terms(const Case& the_case);

/// Whether the policy, as it is now, still covers a grant made under it (a tightening ends it). The
/// first thing that it no longer allows, or nothing.
std::optional<std::string> no_longer_allowed(const model::AccessVerdict& verdict,
                                             const model::JitPolicy& policy);

}  // namespace portcullis::plan
