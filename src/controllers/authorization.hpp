#pragma once

#include <memory>

#include "kube/client.hpp"
#include "model/request.hpp"
#include "plan/decision.hpp"

namespace portcullis::controllers {

using RequestPointer = std::shared_ptr<const model::AccessRequest>;

/// `if_allowed` when the authorizer lets the requester, as they were stamped, `request` the policy;
/// a refusal when it does not; a wait when it gives no answer: that is a no for now.
Task<Result<plan::Decision>> ask_authorizer(kube::Client& client, RequestPointer request,
                                            plan::Decision if_allowed);

}  // namespace portcullis::controllers
