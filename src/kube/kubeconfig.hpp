#pragma once

#include <string>
#include <vector>

#include "kube/config.hpp"

namespace portcullis::kube {

/// Reads the files in order, as clientcmd does: the first that defines a cluster, a user or a
/// context of a name wins as a whole, as does the first current-context. Files that do not exist
/// are skipped
/// (`not_found` if none exists). `context` empty: current-context.
Result<Config> load_kubeconfig(const std::vector<std::string>& files, const std::string& context);

/// Standard base64 with its padding; line ends are skipped. Nothing for all else.
std::optional<std::string> decode_base64(std::string text);

}  // namespace portcullis::kube
