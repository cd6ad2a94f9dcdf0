#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

namespace portcullis::api {

/// Of a status in canonical form (members sorted, nulls left out): equal statuses, equal hashes,
/// across what the API server does to them. FNV-1a, 64 bits; never 0.
std::uint64_t status_hash(const nlohmann::json& status);

}  // namespace portcullis::api
