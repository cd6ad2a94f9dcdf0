#pragma once

#include <functional>
#include <random>
#include <string>

#include "kube/client.hpp"

namespace portcullis::kube {

struct LeaseOptions {
  std::string ns = "portcullis-system";
  std::string name = "portcullis";
  std::string identity;
  Duration lease_duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);
};

/// Leader election over a Lease by client-go's rules: a record counts as expired when it was not
/// seen to change for its lease duration by our boot clock, never by comparing its times with ours.
class Elector {
 public:
  Elector(Client& client, LeaseOptions options, std::uint64_t jitter_seed);

  /// Returns once we hold the lease; `cancelled` after `stop`.
  Task<Result<Done>> acquire();

  /// Keeps renewing; returns when the lease was lost or `stop` was called (released then).
  Task<Result<Done>> hold();

  void stop();

  /// Whether the lease is ours for at least `margin` from now (boot time).
  bool holds_for(Duration margin) const;

 private:
  Client& client_;
  LeaseOptions options_;
  std::minstd_rand random_;
  bool stopped_ = false;
  Wake wake_;
  std::string observed_record_{};
  BootTime observed_at_{};
  BootTime held_until_{};
};

}  // namespace portcullis::kube
