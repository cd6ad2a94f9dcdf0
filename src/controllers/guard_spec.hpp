#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace portcullis::controllers {

/// The first way in which an admission object's `spec` in the cluster says something else than the
/// shipped one, as a sentence without an end that names the field: `spec.validationActions is
/// ["Audit"] instead of ["Deny"]`. Nothing: it does what was shipped.
///
/// Everything shipped must be there, lists in their order. What is not shipped may be there only
/// if it has no effect: what the server fills in (matchPolicy Equivalent, scope "*", failurePolicy
/// Fail) and what is empty. A field that this version does not know counts as a change: it may
/// narrow. White space in texts is not compared, since tools fold them as they like.
std::optional<std::string> find_difference(const nlohmann::json& shipped,
                                           const nlohmann::json& seen);

}  // namespace portcullis::controllers
