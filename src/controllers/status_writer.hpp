#pragma once

#include <nlohmann/json.hpp>

#include "api/encode.hpp"
#include "controllers/notifier.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"

namespace portcullis::controllers {

/// Writes a status if it differs from what the object came with; true when something was written.
/// An object that is gone meanwhile is no failure.
Task<Result<bool>> write_status(World& world, kube::Client& client, kube::Resource resource,
                                model::Meta meta, model::SeenStatus seen, nlohmann::json status);

/// Patches finalizers; an object that is gone meanwhile is no failure.
Task<Result<Done>> add_finalizer(kube::Client& client, kube::Resource resource, model::Meta meta);
Task<Result<Done>> remove_finalizer(kube::Client& client, kube::Resource resource,
                                    model::Meta meta);

}  // namespace portcullis::controllers
