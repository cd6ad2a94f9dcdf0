#pragma once

#include "controllers/authorization.hpp"
#include "controllers/world.hpp"
#include "kube/events.hpp"
#include "model/status.hpp"

namespace portcullis::controllers {

/// Writes the request's status if it changed, and announces a new state. A request that is gone
/// meanwhile is no failure.
Task<Result<Done>> report_request(World& world, kube::Client& client, kube::EventSender& events,
                                  RequestPointer request, model::RequestStatus status);

}  // namespace portcullis::controllers
