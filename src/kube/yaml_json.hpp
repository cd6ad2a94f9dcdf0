#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace portcullis::kube {

/// The documents of a manifest as the API server would read them: quoted and block scalars are
/// text, plain ones may be null, booleans or integers. Empty documents are left out. What is not
/// YAML, or deeper than 64 levels, is `malformed`.
Result<std::vector<nlohmann::json>> read_manifest(const std::string& text);

}  // namespace portcullis::kube
