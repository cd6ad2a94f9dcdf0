#pragma once

#include "base/clock.hpp"
#include "cloud/credential.hpp"

namespace portcullis::cloud {

/// OAuth 2.0 client credentials at `{login}/{tenant}/oauth2/v2.0/token`, with a federated token
/// (workload identity) or a client secret, read from its file at every exchange.
class LoginCredential final : public Credential {
 public:
  LoginCredential(net::Transport& login, Clock& clock, FileReader read_file,
                  CredentialOptions options)
      : login_(login),
        clock_(clock),
        read_file_(std::move(read_file)),
        options_(std::move(options)) {}

  Task<Result<AccessToken>> exchange(Duration deadline) override;

 private:
  Result<Secret> read_secret() const;
  std::string form(const Secret& secret) const;

  net::Transport& login_;
  Clock& clock_;
  FileReader read_file_;
  CredentialOptions options_;
};

}  // namespace portcullis::cloud
