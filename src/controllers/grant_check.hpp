#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controllers/world.hpp"
#include "kube/client.hpp"

namespace portcullis::controllers {

/// What the API server itself says, asked right before packets are let in: the caches may lag, and
/// a watch that is silent is believed for a while. Any doubt is a no, no answer an error.

/// How long the next answer may be waited for; zero: there is no time to ask any more.
using TimeToAsk = std::function<Duration()>;

/// Whether each of these grants (uids of verdicts) still stands by its verdict and its request, and
/// by what is known of its machines when all answers are there. `cancelled` when there is no time
/// to ask for all of them.
Task<Result<bool>> grants_still_stand(World& world, kube::Client& client,
                                      std::vector<std::string> grants, TimeToAsk time);

/// Whether the policy is still the one that was planned by, with that spec, and as much on its way
/// out. Null: there was none.
Task<Result<bool>> policy_still_stands(kube::Client& client,
                                       std::shared_ptr<const model::JitPolicy> planned_by,
                                       TimeToAsk time);

}  // namespace portcullis::controllers
