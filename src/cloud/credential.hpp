#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/asio.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "cloud/pauses.hpp"
#include "net/http.hpp"

namespace portcullis::cloud {

/// A token as the identity service gave it out.
struct AccessToken {
  Secret value;
  Duration lifetime{0};  ///< from now; a server's absurd word is bent to 1 minute..24 hours
};

/// Gets tokens. Every call is one exchange with the identity service; caching is TokenProvider's.
class Credential {
 public:
  virtual ~Credential() = default;

  /// `unauthorized` when the service refuses or a file is missing, `throttled` and `unavailable` as
  /// it says; messages name the service's code and never hold an assertion, a secret or a token.
  /// May be repeated.
  virtual Task<Result<AccessToken>> exchange(Duration deadline) = 0;
};

enum class CredentialKind { workload_identity, managed_identity, client_secret };

/// Reads a whole file. Secrets are read again at every exchange: kubelet and people rotate them.
using FileReader = std::function<Result<std::string>(std::string path)>;

/// At most 1 MiB; errors are `unavailable` and name path and cause.
Result<std::string> read_whole_file(std::string path);

struct CredentialOptions {
  CredentialKind kind = CredentialKind::workload_identity;
  std::string tenant_id{};    ///< not for managed identities
  std::string client_id{};    ///< empty: the machine's own managed identity
  std::string secret_file{};  ///< the federated token, or the client secret
  std::string login_path{};   ///< what precedes the tenant on the login server; "" or "/path"
  std::string login_host{};   ///< for messages
  std::string audience{};     ///< see AzureEndpoints
};

/// `identity` talks to the login server or, for a managed identity, to the machine's metadata
/// service; it and `pauses` must outlive the credential. `invalid` for ids that no URL should hold.
/// Wire forms: the token endpoint of Microsoft Entra ID, v2.0, client credentials with an assertion
/// or a secret; IMDS 2018-02-01.
Result<std::unique_ptr<Credential>> make_credential(net::Transport& identity, Pauses& pauses,
                                                    Clock& clock, FileReader read_file,
                                                    CredentialOptions options);

}  // namespace portcullis::cloud
