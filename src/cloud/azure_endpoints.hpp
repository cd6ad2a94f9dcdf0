#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace portcullis::cloud {

/// Where the servers of one Azure cloud are. They come from the environment's name or from flags of
/// the operator, never from objects: whoever names an endpoint receives tokens.
struct AzureEndpoints {
  std::string arm;       ///< "https://management.azure.com", no path
  std::string login;     ///< "https://login.microsoftonline.com", a path is kept
  std::string imds;      ///< "http://169.254.169.254": managed identities, plain HTTP
  std::string audience;  ///< whom the token is for, without a slash at the end
  std::string ca_pem{};  ///< roots for `arm` and `login`; empty: the system's
};

/// "AzurePublic", "AzureGovernment" or "AzureChina", the names of CloudAccount's
/// `spec.azure.environment`. Hosts as in azure-sdk-for-go, sdk/azcore/cloud; the audience is the
/// resource manager itself, which every one of these clouds accepts.
std::optional<AzureEndpoints> azure_endpoints(std::string_view environment);

}  // namespace portcullis::cloud
