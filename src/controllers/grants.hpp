#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "plan/decision.hpp"
#include "plan/request_status.hpp"

namespace portcullis::controllers {

/// What is done for a grant, whether its request is still there or not.

/// An address that its machine lost while a grant is open is noticed by then.
inline constexpr Duration read_ways_every = std::chrono::seconds(60);

using VerdictPointer = std::shared_ptr<const model::AccessVerdict>;

/// What a decision or a verdict is about.
template <typename Targets>
std::set<std::string> machine_ids(const Targets& targets) {
  std::set<std::string> ids;
  for (const auto& target : targets) ids.insert(target.resource_id);
  return ids;
}

/// The record of a decision, as it is to be sent.
model::AccessVerdict make_verdict(const model::AccessRequest& request,
                                  const plan::Decision& decision, const model::JitPolicy* policy,
                                  const std::string& by, TimePoint now);

/// Why what was found out ends it before its time: its machines, an NSG with a rule for it that
/// left its account's scope, or an older policy that claims one of its machines with one of its
/// ports.
std::optional<model::AccessVerdict::End> ends_by_finding(const World& world,
                                                         const model::AccessVerdict& verdict);

/// Has the machines of the grant read: while it is open at least once a minute, when it is over (at
/// `ended_at`) once, to know which groups to look at. A reading that fails leaves the last one.
/// The groups that are known to be concerned by its end are woken before that.
Task<void> read_ways(World& world, VerdictPointer verdict, std::optional<TimePoint> ended_at);

/// Whether the machine was read so lately that a rule may be opened by it.
bool may_open_by_reading(const World& world, const std::string& machine_id);
/// Whether all of the grant's machines were.
bool may_open_by_readings(const World& world, const model::AccessVerdict& verdict);

/// The same for many that are over, side by side.
Task<void> read_ways(World& world, std::vector<VerdictPointer> over);

/// Whether its machines were read and every group on their ways was planned with it, or the attempt
/// failed: enough to say how it stands.
bool is_planned(const World& world, const model::AccessVerdict& verdict);

/// Wakes the groups that do not know of the grant yet, or that were not read since its end.
void wake_groups_of(World& world, const model::AccessVerdict& verdict,
                    std::optional<TimePoint> ended_at);

/// Has its request told when the group is read that its end waits for, or that has a rule of it
/// left; and the former read again soon: 2 s after the end first, then ever more rarely.
void await_groups(World& world, const model::AccessVerdict& verdict, const plan::Evidence& evidence,
                  TimePoint ended_at);

/// Reads the ways of the grant, and wakes its groups before and after that. If it ends `early`,
/// that is written into the verdict beside it, for good: no slow cloud keeps it from being written,
/// and no slow API server keeps anything from closing. The error is that of the write; a verdict
/// that is gone is none.
Task<Result<Done>> tend_ways(World& world, kube::Client& client, VerdictPointer verdict,
                             std::optional<model::AccessVerdict::End> early,
                             std::optional<TimePoint> ended_at);

}  // namespace portcullis::controllers
