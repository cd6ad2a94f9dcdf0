#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/cloud_calls.hpp"
#include "app/flags.hpp"
#include "cloud/azure_provider.hpp"
#include "model/account.hpp"

namespace portcullis::app {

/// One provider per CloudAccount, made anew when what it was made of changes. Calls that the old
/// one still has in flight are let end. All of one subscription share its budgets.
class Providers {
 public:
  /// Each request is told to `calls`. `who` stands in the User-Agent: which replica it was that
  /// wrote shows in the cloud's logs.
  Providers(asio::io_context& io, Clock& clock, const AzureFlags& flags, std::string ca_pem,
            CloudCalls& calls, const std::string& who);

  Result<cloud::AzureProvider*> of(const model::CloudAccount& account);

  /// That of the resource manager which it asks, as the clock knows it; empty: none is known.
  std::string origin_of(const model::CloudAccount& account) const;

  /// By subscription in lower case; what was counted since the start.
  const std::map<std::string, cloud::Budgets>& budgets() const { return budgets_; }

  /// Ends all calls with `cancelled`.
  void close();

 private:
  struct Entry {
    std::string made_of;
    std::unique_ptr<cloud::AzureProvider> provider;
  };

  Result<cloud::AzureEndpoints> endpoints_for(const model::CloudAccount& account) const;
  Result<cloud::AzureOptions> options_for(const model::CloudAccount& account) const;

  Clock& clock_;
  const AzureFlags& flags_;
  std::string ca_pem_;
  cloud::TransportFactory make_transport_;
  std::map<std::string, cloud::Budgets> budgets_;  // outlives whoever calls within them
  std::map<std::string, Entry> entries_;
  std::vector<std::unique_ptr<cloud::AzureProvider>> retired_;
};

}  // namespace portcullis::app
