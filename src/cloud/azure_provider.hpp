#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "cloud/azure_endpoints.hpp"
#include "cloud/budget.hpp"
#include "cloud/credential.hpp"
#include "cloud/inspector.hpp"
#include "cloud/provider.hpp"
#include "net/beast_transport.hpp"
#include "net/url.hpp"

namespace portcullis::cloud {

/// Makes the transport to one server: `make_rest_transport` in the program, fakes in tests.
using TransportFactory = std::function<Result<std::unique_ptr<net::Transport>>(
    net::Origin origin, net::TlsOptions tls, net::TransportOptions options)>;

/// The API versions that requests state. Network and Compute number theirs apart.
struct AzureApiVersions {
  std::string network = "2024-05-01";
  std::string compute = "2024-07-01";
  std::string subscriptions = "2022-12-01";
  std::string locks = "2016-09-01";
  std::string permissions = "2022-04-01";
};

struct AzureLimits {
  Duration read_deadline = std::chrono::seconds(15);  ///< of one GET, token and queue included
  Duration write_deadline = std::chrono::seconds(8);  ///< of one PUT or DELETE, likewise
  Duration check_deadline =
      std::chrono::seconds(60);  ///< of `check`, which may have to wait for IMDS
  Duration operation_deadline = std::chrono::minutes(5);  ///< until a write's operation has ended
  Duration longest_poll_pause = std::chrono::minutes(2);  ///< however long Retry-After is
  /// How long a group's call that is no closing waits for a free connection and a token: some of
  /// its deadline is left for the call itself.
  Duration queue_patience_reads = std::chrono::seconds(10);
  Duration queue_patience_writes = std::chrono::seconds(5);
};

struct AzureOptions {
  AzureEndpoints endpoints;
  std::string subscription_id;
  std::string tenant_id{};
  std::string client_id{};
  CredentialKind credential = CredentialKind::workload_identity;
  std::string secret_file{};     ///< federated token or client secret; not for managed identities
  bool public_addresses = true;  ///< whether `read_machine` also asks for them
  AzureApiVersions versions{};
  AzureLimits limits{};
  /// Shared by all that call this subscription, and outliving them; null: the provider's own.
  Budgets* budgets = nullptr;
};

/// One subscription of Azure. At most eight calls at a time, the most urgent first.
class AzureProvider : public Provider, public Inspector {
 public:
  /// Ends calls and waits with `cancelled`, refuses later ones. Whoever awaits a call must have
  /// been resumed before the provider may be destroyed.
  virtual void close() = 0;
};

/// `clock` must outlive the provider. `invalid` names the option that cannot be.
Result<std::unique_ptr<AzureProvider>> make_azure_provider(Clock& clock,
                                                           const TransportFactory& make_transport,
                                                           AzureOptions options,
                                                           FileReader read_file = read_whole_file);

}  // namespace portcullis::cloud
