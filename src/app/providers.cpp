#include "app/providers.hpp"

#include <algorithm>

#include "model/resource_id.hpp"
#include "net/cpprest_transport.hpp"
#include "net/url.hpp"

namespace portcullis::app {
namespace {

cloud::CredentialKind kind_of(model::Credential credential) {
  switch (credential) {
    case model::Credential::workload_identity:
      return cloud::CredentialKind::workload_identity;
    case model::Credential::managed_identity:
      return cloud::CredentialKind::managed_identity;
    case model::Credential::client_secret:
      return cloud::CredentialKind::client_secret;
  }
  return cloud::CredentialKind::workload_identity;
}

std::string fingerprint(const model::CloudAccount& account) {
  return account.subscription + "|" + account.tenant + "|" + account.environment + "|" +
         account.client_id + "|" + std::to_string(static_cast<int>(account.credential));
}

/// A comment of RFC 9110: what could end it, or the line, stays out.
std::string comment_of(std::string who) {
  std::ranges::replace_if(
      who, [](char c) { return c < 0x20 || c > 0x7e || c == '(' || c == ')' || c == '\\'; }, '-');
  return who.substr(0, 128);
}

}  // namespace

Providers::Providers(asio::io_context& io, Clock& clock, const AzureFlags& flags,
                     std::string ca_pem, CloudCalls& calls, const std::string& who)
    : clock_(clock),
      flags_(flags),
      ca_pem_(std::move(ca_pem)),
      make_transport_(
          [&io, &clock, &calls, comment = comment_of(who)](
              net::Origin origin, net::TlsOptions tls,
              net::TransportOptions transport) -> Result<std::unique_ptr<net::Transport>> {
            transport.user_agent += " (" + comment + ")";
            auto made = net::make_rest_transport(io, clock, std::move(origin), std::move(tls),
                                                 std::move(transport));
            if (!made) return fail(made.error());
            return std::make_unique<MeteredTransport>(std::move(*made), clock, calls);
          }) {}

Result<cloud::AzureEndpoints> Providers::endpoints_for(const model::CloudAccount& account) const {
  auto endpoints = cloud::azure_endpoints(account.environment);
  if (!endpoints) {
    return fail(Error::Kind::invalid,
                "spec.azure.environment \"" + account.environment + "\" is unknown");
  }
  if (!flags_.arm_endpoint.empty()) {
    endpoints->arm = flags_.arm_endpoint;
    endpoints->audience = flags_.arm_endpoint;
  }
  if (!flags_.login_endpoint.empty()) endpoints->login = flags_.login_endpoint;
  if (!flags_.imds_endpoint.empty()) endpoints->imds = flags_.imds_endpoint;
  endpoints->ca_pem = ca_pem_;
  return *std::move(endpoints);
}

Result<cloud::AzureOptions> Providers::options_for(const model::CloudAccount& account) const {
  auto endpoints = endpoints_for(account);
  if (!endpoints) return fail(endpoints.error());
  cloud::AzureOptions out{.endpoints = std::move(*endpoints),
                          .subscription_id = account.subscription};
  out.tenant_id = account.tenant;
  out.client_id = account.client_id.empty() ? flags_.default_client_id : account.client_id;
  out.credential = kind_of(account.credential);
  if (account.credential == model::Credential::client_secret) {
    out.secret_file = flags_.client_secret_file;
    if (out.secret_file.empty()) {
      return fail(Error::Kind::invalid,
                  "spec.azure.credential is ClientSecret, but the operator was given no "
                  "--azure-client-secret-file");
    }
  }
  if (account.credential == model::Credential::workload_identity) {
    out.secret_file = flags_.federated_token_file;
    if (out.secret_file.empty()) {
      return fail(Error::Kind::invalid,
                  "spec.azure.credential is WorkloadIdentity, but the operator was given no "
                  "--azure-federated-token-file (is the pod labelled "
                  "azure.workload.identity/use: \"true\"?)");
    }
  }
  return out;
}

Result<cloud::AzureProvider*> Providers::of(const model::CloudAccount& account) {
  Entry& entry = entries_[account.meta.uid];
  const std::string made_of = fingerprint(account);
  if (entry.provider && entry.made_of == made_of) return entry.provider.get();
  if (entry.provider) retired_.push_back(std::move(entry.provider));
  auto options = options_for(account);
  if (!options) return fail(options.error());
  options->budgets =
      &budgets_.try_emplace(model::ascii_lower(account.subscription), flags_.budget_percent)
           .first->second;
  auto made = cloud::make_azure_provider(clock_, make_transport_, std::move(*options));
  if (!made) return fail(made.error());
  entry = {.made_of = made_of, .provider = std::move(*made)};
  return entry.provider.get();
}

std::string Providers::origin_of(const model::CloudAccount& account) const {
  const auto endpoints = endpoints_for(account);
  const auto url = endpoints ? net::parse_url(endpoints->arm) : std::nullopt;
  return url ? net::to_string(url->origin) : std::string();
}

void Providers::close() {
  for (auto& [uid, entry] : entries_) {
    if (entry.provider) entry.provider->close();
  }
  for (auto& provider : retired_) provider->close();
}

}  // namespace portcullis::app
