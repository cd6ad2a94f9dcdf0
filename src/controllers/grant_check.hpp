#pragma once

#include <string>
#include <vector>

#include "controllers/world.hpp"
#include "kube/client.hpp"

namespace portcullis::controllers {

/// Whether each of these grants (uids of verdicts) still stands by what the API server itself says
/// now: its verdict and its request. The caches may lag; this is asked right before packets are let
/// in. Any doubt is a no, no answer an error.
Task<Result<bool>> grants_still_stand(World& world, kube::Client& client,
                                      std::vector<std::string> grants);

}  // namespace portcullis::controllers
