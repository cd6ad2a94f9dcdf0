#pragma once

#include <optional>

#include "lab/wire.hpp"

namespace portcullis::lab {

/// 400 if `api-version` is missing, no date, or none of the provider's: Compute's are not
/// Network's.
std::optional<net::Response> refuse_api_version(const Call& call, const std::string& location);

}  // namespace portcullis::lab
