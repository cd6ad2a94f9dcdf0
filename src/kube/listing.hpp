#pragma once

#include <simdjson.h>

#include <functional>

#include "kube/client.hpp"

namespace portcullis::kube {

/// Reads all objects of a resource once, consistently (never older than what was acknowledged
/// before the call), in pages. `take` sees each object, valid only during its call. After an error
/// it may have seen some: forget them.
Task<Result<Done>> list_objects(Client& client, Resource resource,
                                std::function<void(simdjson::dom::element)> take);

}  // namespace portcullis::kube
