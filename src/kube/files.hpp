#pragma once

#include <string>

#include "base/result.hpp"

namespace portcullis::kube {

/// A whole regular file, of 4 MiB at most. `not_found` if there is none, `invalid` for all other
/// trouble; the message names the file.
Result<std::string> read_file(const std::string& path);

/// Without white space at both ends, as tokens and names in files have it.
std::string trimmed(const std::string& text);

}  // namespace portcullis::kube
