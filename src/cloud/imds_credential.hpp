#pragma once

#include "base/clock.hpp"
#include "cloud/credential.hpp"

namespace portcullis::cloud {

/// The metadata service of the machine we run on (IMDS, 2018-02-01). Whoever runs on the machine
/// may use its identities. Retried as its documentation asks: five tries, 0, 2, 6, 14 and 30
/// seconds apart, on 404, 410, 429, 5xx and silence, as far as the deadline allows.
class ImdsCredential final : public Credential {
 public:
  ImdsCredential(net::Transport& imds, Pauses& pauses, Clock& clock, CredentialOptions options)
      : imds_(imds), pauses_(pauses), clock_(clock), options_(std::move(options)) {}

  Task<Result<AccessToken>> exchange(Duration deadline) override;

 private:
  Task<Result<AccessToken>> try_once(Duration deadline);

  net::Transport& imds_;
  Pauses& pauses_;
  Clock& clock_;
  CredentialOptions options_;
};

}  // namespace portcullis::cloud
