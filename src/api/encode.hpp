#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/account.hpp"
#include "model/policy.hpp"
#include "model/request.hpp"
#include "model/status.hpp"

namespace portcullis::api {

inline constexpr const char* group = "portcullis.dev";
inline constexpr const char* version = "v1alpha1";

/// The status as the API server shall hold it. A condition keeps its lastTransitionTime from `seen`
/// as long as its status stays; otherwise it gets `now`.
nlohmann::json to_json(const model::RequestStatus& status, const model::Meta& meta,
                       const model::SeenStatus& seen, TimePoint now);
nlohmann::json to_json(const model::PolicyStatus& status, const model::Meta& meta,
                       const model::SeenStatus& seen, TimePoint now);
nlohmann::json to_json(const model::AccountStatus& status, const model::Meta& meta,
                       const model::SeenStatus& seen, TimePoint now);
nlohmann::json to_json(const model::VerdictStatus& status, const model::Meta& meta,
                       const model::SeenStatus& seen, TimePoint now);

/// A merge patch of the status subresource that leaves exactly `status` behind and holds only if
/// the object is still the one that was looked at; nothing when `seen` is equal already.
std::optional<nlohmann::json> status_patch(const nlohmann::json& status, const model::Meta& meta,
                                           const model::SeenStatus& seen);

/// A whole AccessVerdict to create. `by` is stamped by the API server and given here for servers
/// that only check it.
nlohmann::json to_json(const model::AccessVerdict& verdict);

/// A merge patch that sets `spec.ended`, if the verdict is still at its resourceVersion.
nlohmann::json end_patch(const model::AccessVerdict& verdict, const model::AccessVerdict::End& end);

/// JSON patches: a finalizer is added to, or removed from, exactly the list that was seen (a bare
/// merge patch would replace what others put there meanwhile).
nlohmann::json add_finalizer_patch(const model::Meta& meta);
nlohmann::json remove_finalizer_patch(const model::Meta& meta);

}  // namespace portcullis::api
