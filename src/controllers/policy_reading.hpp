#pragma once

#include "controllers/policy_report.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"

namespace portcullis::controllers {

/// Finds a policy's machines, reads those whose readings are not fresh enough, keeps them as its
/// view, and marks the groups that have to be planned for it. An error tells that not all could be
/// read: what could be is in the view all the same. May be repeated.
Task<Result<Done>> read_policy(World& world, kube::Client& client, PolicyPointer policy);

}  // namespace portcullis::controllers
