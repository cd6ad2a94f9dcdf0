#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kube/client.hpp"
#include "net/beast_transport.hpp"

namespace portcullis::kube {

/// Where the API server is and who we are there.
struct Config {
  net::Origin origin;
  net::TlsOptions tls{};
  std::string ns = "default";
  Secret token{};  ///< a fixed token, or empty
  /// Read again at least once a minute and after a 401; wins over `token`.
  std::string token_file{};
  std::string ca_file{};           ///< where `tls.ca_pem` came from, if from a file (for rotation)
  std::string certificate_file{};  ///< likewise, the client certificate
  std::string key_file{};          ///< and its key
  std::vector<std::string> kubeconfigs{};  ///< the files it was read from; none: the pod's own
  std::string context{};                   ///< the context of those files, even if none was named
};

/// `--kubeconfig`, else $KUBECONFIG (a list, first definition wins), else in-cluster, else
/// ~/.kube/config. Errors name file and field. Exec plugins, auth providers and basic auth are
/// `unsupported` with a sentence that says what to use; `insecure-skip-tls-verify` is refused.
struct ConfigSource {
  std::string kubeconfig{};  ///< flag; empty: not given
  std::string context{};     ///< flag; empty: current-context
};
Result<Config> load_config(const ConfigSource& source);

/// CA, client certificate and key of `first` as they are in the files now: they rotate under a
/// running program. The same files and the same context count, whatever became the current one
/// meanwhile, and never another source. `conflict` if that context leads to another server now.
Result<net::TlsOptions> read_tls_again(const Config& first);

/// The service account's files and KUBERNETES_SERVICE_HOST/_PORT.
Result<Config> in_cluster_config(
    const std::string& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

/// For `config.token_file` or `config.token`; null when neither is set.
std::unique_ptr<TokenSource> make_token_source(const Config& config, Clock& clock);

}  // namespace portcullis::kube
