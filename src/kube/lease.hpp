#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>

#include "kube/client.hpp"
#include "kube/stop.hpp"

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
/// Two holders at once are possible for a moment (a paused process): who writes asks `holds_for`
/// first, with the longest time the write may take.
///
/// Different from client-go: who waits looks at least each retry_period, and when the record runs
/// out, so that a dead leader is followed within lease_duration + retry_period; and a record that
/// was deleted, or emptied by somebody else than its holder, counts until its time is over, since
/// its holder learns of that only at the next renewal.
class Elector {
 public:
  /// The client's connections should be nobody else's: calls that hang must not hold up a renewal.
  Elector(Client& client, LeaseOptions options, std::uint64_t jitter_seed);

  /// Returns once we hold the lease; `cancelled` after `stop`; `invalid` for options that cannot
  /// work (no identity; not lease_duration > renew_deadline > 1.2 retry_period).
  Task<Result<Done>> acquire();

  /// As `acquire`, for one who lost it because nobody answered: `conflict` once somebody else is
  /// seen to hold it.
  Task<Result<Done>> acquire_again();

  /// Keeps renewing. Done after `stop`, when the lease is given back; else why it was lost:
  /// `conflict` if somebody else holds it, `timeout` if it could not be renewed within
  /// renew_deadline. It may be acquired again then.
  Task<Result<Done>> hold();

  /// A call in flight is waited for, half of renew_deadline at most: its outcome decides what is to
  /// be given back. That takes no longer than `within`; and where nobody answered the last renewal
  /// it is not tried. May be called again, with less time.
  void stop(Duration within = std::chrono::hours(1));

  /// Whether the lease is ours for at least `margin` from now (boot time).
  bool holds_for(Duration margin) const;

  /// Who holds it as far as we have seen; empty: nobody.
  const std::string& holder() const { return holder_; }

  /// Why the last try to acquire it did not even show who holds it; nothing: it did, or none ended.
  const std::optional<Error>& trouble() const { return trouble_; }

 private:
  Task<Result<Done>> keep_trying(bool wait_for_others);
  Task<Result<Done>> try_once();
  Task<Result<Done>> renew();
  Task<Result<Done>> create();
  Task<Result<Done>> take(nlohmann::json lease);
  Task<void> release();
  void observe(const nlohmann::json& lease);
  void won(nlohmann::json lease, BootTime asked_at);
  bool is_free() const;
  bool is_late() const;
  Duration pause();
  Duration call_limit() const;
  nlohmann::json new_spec(const nlohmann::json& old) const;

  Client& client_;
  LeaseOptions options_;
  std::minstd_rand random_;
  Stop stop_;
  std::string observed_record_;
  BootTime observed_at_{};  ///< when the record was last seen to change
  Duration observed_duration_{0};
  std::string holder_;
  std::optional<Error> trouble_;
  nlohmann::json held_;    ///< the Lease as our last write left it; null when it is not ours
  BootTime renewed_at_{};  ///< when the last renewal that succeeded was asked for
  BootTime held_until_{};
  BootTime stop_by_ = BootTime::max();
  bool unanswered_ = false;  ///< the last renewal
};

}  // namespace portcullis::kube
