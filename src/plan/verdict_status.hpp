#pragma once

#include <optional>

#include "model/request.hpp"
#include "model/status.hpp"
#include "plan/request_status.hpp"

namespace portcullis::plan {

/// What a verdict says that has no request to say it: whether its grant, over since `ended_at`
/// (`early` says why, if that is before its time), is proven closed. Pure.
model::VerdictStatus describe_verdict(const model::AccessVerdict& verdict,
                                      const std::optional<model::AccessVerdict::End>& early,
                                      const Evidence& evidence, TimePoint ended_at, TimePoint now);

/// Whether the verdict came with a status that says so.
bool says_overdue(const model::AccessVerdict& verdict);

}  // namespace portcullis::plan
