#include "cloud/azure_provider.hpp"

#include <algorithm>

#include "cloud/azure.hpp"
#include "cloud/slots.hpp"

namespace portcullis::cloud {
namespace {

/// A refused text is not repeated: it may hold a password, and stands in a condition afterwards.
Result<net::Url> endpoint(const std::string& text, const char* what, bool needs_tls) {
  auto url = net::parse_url(text);
  if (!url) {
    return fail(Error::Kind::invalid,
                std::string(what) + " is no address of the form https://host:port, without a user");
  }
  if (needs_tls && url->origin.scheme != "https") {
    return fail(Error::Kind::invalid, std::string(what) + " must be https: tokens go there");
  }
  if (url->target.find('?') != std::string::npos) {
    return fail(Error::Kind::invalid, std::string(what) + " must have no query");
  }
  while (url->target.ends_with('/')) url->target.pop_back();
  return *url;
}

bool is_subscription_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

net::TransportOptions transport_options(std::size_t body_limit) {
  net::TransportOptions options;
  options.body_limit = body_limit;
  options.max_connections = Slots::count;
  return options;
}

std::string without_slash(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace

Result<std::unique_ptr<AzureProvider>> make_azure_provider(Clock& clock,
                                                           const TransportFactory& make_transport,
                                                           AzureOptions options,
                                                           FileReader read_file) {
  constexpr std::size_t identity_body_limit = 1u << 20;
  if (!is_subscription_id(options.subscription_id)) {
    return fail(Error::Kind::invalid, "the subscription id is none");
  }
  const bool managed = options.credential == CredentialKind::managed_identity;
  auto arm_url = endpoint(options.endpoints.arm, "the resource manager's endpoint", true);
  if (!arm_url) return fail(arm_url.error());
  if (!arm_url->target.empty()) {
    return fail(Error::Kind::invalid, "the resource manager's endpoint must have no path");
  }
  auto identity_url =
      managed ? endpoint(options.endpoints.imds, "the metadata service's endpoint", false)
              : endpoint(options.endpoints.login, "the login endpoint", true);
  if (!identity_url) return fail(identity_url.error());

  const net::TlsOptions tls{.ca_pem = options.endpoints.ca_pem};
  auto arm = make_transport(arm_url->origin, tls, transport_options(ArmClient::body_limit));
  if (!arm) return fail(arm.error());
  auto identity = make_transport(identity_url->origin, managed ? net::TlsOptions() : tls,
                                 transport_options(identity_body_limit));
  if (!identity) return fail(identity.error());

  CredentialOptions credential_options{
      .kind = options.credential,
      .tenant_id = options.tenant_id,
      .client_id = options.client_id,
      .secret_file = options.secret_file,
      .login_path = identity_url->target,
      .login_host = identity_url->origin.host,
      .audience = without_slash(options.endpoints.audience),
  };
  auto pauses = std::make_unique<Pauses>(clock);
  auto credential = make_credential(**identity, *pauses, clock, std::move(read_file),
                                    std::move(credential_options));
  if (!credential) return fail(credential.error());
  return std::make_unique<Azure>(Azure::Parts{.clock = clock,
                                              .origin = arm_url->origin,
                                              .arm_transport = std::move(*arm),
                                              .identity_transport = std::move(*identity),
                                              .pauses = std::move(pauses),
                                              .credential = std::move(*credential)},
                                 std::move(options));
}

}  // namespace portcullis::cloud
