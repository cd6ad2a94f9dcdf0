#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controllers/world.hpp"

namespace portcullis::controllers {

/// A policy's machines, as a pass found them.
struct PolicyTargets {
  std::vector<plan::TargetState>
      list{};             ///< named ones in the order of the spec, then selected ones
  bool listed = true;     ///< every selector's machines were listed under this generation
  bool complete = true;   ///< besides, every machine was read without an error, or is gone for good
  bool released = false;  ///< addresses were let go: the groups that lock them have to be planned
  bool missing = false;   ///< a machine was 404, which is not believed yet
  std::optional<Error> error{};  ///< the first, if one is worth another try
  std::string problem_reason{};  ///< about a selector; empty: none
  std::string problem{};
};

/// Reads the policy's machines: named ones, and those that its selectors may pick, all directly. A
/// machine leaves a selection only by such a reading (of its tags, or two 404s), never because a
/// list no longer has it. May be repeated; what was read shortly before is not read again.
Task<PolicyTargets> gather_targets(World& world, std::shared_ptr<const model::JitPolicy> policy,
                                   std::shared_ptr<const model::CloudAccount> account);

/// The policy's selection, begun anew for another object of the same name.
Selection& selection_of(World& world, const model::JitPolicy& policy);

/// Makes the machine one that the selectors may pick; what is no machine of the account's
/// subscription is passed over. True if it is new.
bool add_candidate(Selection& selection, const model::CloudAccount& account, std::string_view id);

/// Addresses in the policy's own locks of a group that none of its machines is known to have.
struct Held {
  std::vector<model::Prefix> excepted{};  ///< from which its exceptions are let in
  std::vector<model::Prefix> locked{};    ///< the others
};

/// What a policy with selectors holds locked without knowing for whom: a machine may have it that
/// cannot be seen. It stays until a reading lets it go, or somebody takes it out of the rule.
Held held_addresses(const World& world, const model::JitPolicy& policy, const std::string& owner,
                    const std::string& group_key);

}  // namespace portcullis::controllers
