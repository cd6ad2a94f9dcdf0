#pragma once

#include <memory>
#include <optional>

#include "controllers/usage.hpp"
#include "controllers/world.hpp"
#include "plan/decision.hpp"

namespace portcullis::controllers {

/// What is to be done with an undecided request by all that is known here: the checks of its own
/// case (`plan::decide`), and those of the world in which it would open. Only the authorizer has
/// not been asked.
struct Judgement {
  plan::Decision decision{};
  bool waits_for_policy = false;  ///< as `plan::waits_for_policy` says
  /// By which it was judged; null: not there.
  std::shared_ptr<const model::JitPolicy> policy{};
  std::shared_ptr<const model::CloudAccount> account{};
};

/// `sent` are grants that the store does not show yet; `waited_for_policy`: it was seen to, in
/// time. Nothing: nobody has looked at the admission policies since the start, so that nothing can
/// be said.
std::optional<Judgement> judge_request(World& world, const model::AccessRequest& request,
                                       const SentVerdicts& sent, bool waited_for_policy);

/// Whether a grant may still be recorded that was judged before somebody else was asked: request
/// and policy are the same, and nothing has come up that holds up all grants.
bool still_stands(World& world, const model::AccessRequest& request, const Judgement& granted);

}  // namespace portcullis::controllers
