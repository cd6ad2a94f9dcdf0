#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controllers/world.hpp"

namespace portcullis::controllers {

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
