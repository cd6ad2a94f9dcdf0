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

}  // namespace portcullis::controllers
