#pragma once

#include "controllers/world.hpp"
#include "model/status.hpp"

namespace portcullis::controllers {

/// Wakes the account if what nobody owns in this group is not what it was.
void tell_orphans(World& world, GroupView& view, const model::CloudAccount& account);

/// Counts an open rule or shutter that was just removed if it was no grant's that is known, and has
/// the account tell it.
void note_closed_orphan(World& world, const std::string& group, const plan::Change& change);

/// Condition `Orphans` of an account: rules with a mark of ours that no policy or grant wants, that
/// cannot be understood, or that another instance left past their end, as the last readings of its
/// groups showed them. They are left alone until somebody decides.
model::Condition describe_orphans(const World& world, const model::CloudAccount& account);

}  // namespace portcullis::controllers
