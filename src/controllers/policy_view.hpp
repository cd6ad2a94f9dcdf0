#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/prefix.hpp"
#include "plan/target_state.hpp"

namespace portcullis::controllers {

/// The machines that the selectors of a policy pick. Whoever was listed once stays a candidate
/// until a direct reading says otherwise: lists leave out what may not be seen.
struct Selection {
  struct Candidate {
    std::string id{};
    model::PrefixSet addresses{};  ///< as last read
  };

  std::string uid{};                         ///< of the policy
  std::optional<std::int64_t> listed_for{};  ///< the generation that was last listed for
  std::optional<Error> error{};              ///< of the last list, if it failed
  bool recalled = false;                     ///< those of before the start are among the candidates
  std::map<std::string, Candidate> candidates{};  ///< by resource_key
  /// Addresses that a direct reading showed to be no longer the policy's, by the resource_key of
  /// the machine that lost them, or that the policy lost: only these may leave its locks.
  std::map<std::string, model::PrefixSet> let_go{};
};

/// A policy's machines as its last pass found them.
struct PolicyView {
  std::string uid;
  std::int64_t generation = 0;
  std::vector<plan::TargetState> targets{};  ///< replaced as a whole, never changed one by one
  bool listed = false;           ///< what its selectors pick was listed under this generation
  bool complete = false;         ///< besides, every target was read freshly, without an error
  bool missing = false;          ///< a machine was 404, which is not believed yet
  std::string problem_reason{};  ///< about the policy as a whole; empty: none
  std::string problem{};
  bool leaving = false;  ///< being deleted, its grants are closed: its locks may go

  /// The place of the machine among the targets, by its resource_key.
  std::optional<std::size_t> place_of(const std::string& machine_key) const;
  mutable std::map<std::string, std::size_t> places{};   ///< made when first asked
  mutable std::optional<std::size_t> places_made_for{};  ///< so many targets
};

}  // namespace portcullis::controllers
