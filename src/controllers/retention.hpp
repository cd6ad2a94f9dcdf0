#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "model/request.hpp"

namespace portcullis::controllers {

/// Until when a decided request is kept as the record: for the verdict's `retainFor` from its end,
/// or from the decision if nothing was granted.
TimePoint kept_until(const model::AccessVerdict& verdict,
                     const std::optional<model::AccessVerdict::End>& ended);

/// The mark by which a GitOps tool tracks the object, or nothing. Such a tool would create again
/// what we remove, and the request with it.
std::optional<std::string> tracking_mark(const nlohmann::json& object);

/// Deletes the request if it still is the very object that was decided, and nobody tracks it; our
/// finalizer then sees to it that it goes only when it is proven closed. One that is tracked,
/// changed or gone is left alone, which is no failure. May be repeated.
Task<Result<Done>> retire(kube::Client& client, model::Meta request);

}  // namespace portcullis::controllers
