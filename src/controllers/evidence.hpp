#pragma once

#include <optional>

#include "controllers/world.hpp"
#include "plan/request_status.hpp"

namespace portcullis::controllers {

/// What the groups, as last read, prove about a grant: open everywhere it was granted, or closed
/// everywhere since `ended_at` (set when it is over). Pure over the world's caches.
plan::Evidence gather_evidence(const World& world, const model::AccessVerdict& verdict,
                               std::optional<TimePoint> ended_at);

/// A rule of a grant that is over and closed, which lets nobody in any more but still stands in a
/// group as last read; why the cloud does not let it go, once that is known. Grants that end in the
/// same minute on the same machines share it.
std::optional<plan::LeftRule> find_left_rule(const World& world,
                                             const model::AccessVerdict& verdict);

/// Groups whose readings decide about a grant's end and were read before it: to be read again.
std::vector<std::string> groups_to_read(const World& world, const model::AccessVerdict& verdict,
                                        TimePoint ended_at);

/// A group on the way to one of these machines that the account may not write and that does not let
/// the sources through by itself; a sentence that names it, or nothing.
std::optional<std::string> blocked_out_of_scope(const World& world,
                                                const model::CloudAccount& account,
                                                const model::AccessRequest& request,
                                                const std::vector<std::string>& machine_ids);

}  // namespace portcullis::controllers
