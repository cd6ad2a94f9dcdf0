#pragma once

#include <optional>
#include <string>

#include "controllers/world.hpp"

namespace portcullis::controllers {

/// A new reading of the group was planned: tells what others did to rules of ours since the last
/// one to whom they belong (grants, whose request then says `Drifted` for good, and policies), ends
/// the grants whose policy says so (`onDrift: End`), and remembers what stands now. Logs each. True
/// if a grant ended: the plan was made before that.
bool note_drift(World& world, GroupView& view);

/// Before a write of that rule: what becomes of it is our doing.
void forget_standing(GroupView& view, const std::string& rule);

/// Takes from the plan what would put back for grants whose policy only wants to be told
/// (`onDrift: Report`), and of which this process saw the drift: another one puts it back. What
/// closes stays.
void leave_drifted(const World& world, plan::RulePlan& plan);

/// Whether what others did to the grant's rules is left as it is, since its policy says so.
bool is_left_drifted(const World& world, const model::AccessVerdict& verdict);

/// What somebody did to the grant's rules, as this process saw it or as its status says: to be
/// told, not to be acted upon.
std::optional<model::DriftNote> drift_of(const World& world, const model::AccessVerdict& verdict);

/// Whether the group keeps being changed under us.
bool is_contended(const GroupView& view, TimePoint now);

}  // namespace portcullis::controllers
