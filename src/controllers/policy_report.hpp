#pragma once

#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "kube/events.hpp"
#include "model/status.hpp"

namespace portcullis::controllers {

using PolicyPointer = kube::Store<model::JitPolicy>::Pointer;

/// Writes the policy's status if it changed, and announces that it became Ready or is no longer. A
/// policy that is gone meanwhile is no failure.
Task<Result<Done>> report_policy(World& world, kube::Client& client, kube::EventSender& events,
                                 PolicyPointer policy, model::PolicyStatus status);

}  // namespace portcullis::controllers
