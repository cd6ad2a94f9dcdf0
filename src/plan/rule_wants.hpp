#pragma once

#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/account.hpp"
#include "model/prefix.hpp"
#include "model/security_rule.hpp"

namespace portcullis::plan {

/// Nobody reaches these ports of these addresses. Wants of equal owner, ports and protocol are one
/// rule an address family, so it does not matter whether they come one a machine or all in one.
struct LockWant {
  std::string owner;  ///< `owner_of` the policy
  std::vector<model::Prefix> destinations;
  std::vector<model::PortRange> ports;
  model::Protocol protocol = model::Protocol::any;
};

/// Who always may: prefixes, or one service tag. A prefix reaches only addresses of its own family.
struct KeepWant {
  std::string owner;
  std::vector<model::Prefix> destinations;
  std::vector<model::PortRange> ports;
  model::Protocol protocol = model::Protocol::any;
  std::vector<model::Prefix> sources{};
  std::string service_tag{};  ///< set exactly when `sources` is empty
};

/// A grant, as far as it concerns this group. Live while starts_at <= now < ends_at (ends_at cut to
/// whole seconds) and not `ended`. Passing one that is over is useful: it is the evidence that what
/// only it wanted may close although not everything is known.
struct OpenWant {
  std::string grant;  ///< uid
  std::vector<model::Prefix> sources;
  std::vector<model::Prefix> destinations;  ///< of one that is over: may be empty, "wherever"
  std::vector<model::PortRange> ports;
  model::Protocol protocol = model::Protocol::tcp;
  TimePoint starts_at{};
  TimePoint ends_at{};  ///< E of the verdict
  bool ended = false;   ///< ended early, for good
};

/// Unlocking is opening: a lock or keep goes, or loses an address, only for an owner named here.
struct ReleaseEvidence {
  enum class Why {
    complete,  ///< alive, and all its targets were freshly and completely read: the wants are all
    leaving,   ///< being deleted with Unlock: it wants nothing any more
  };
  std::string owner;
  Why why = Why::complete;
};

/// Where somebody else decides: no exception of the owner is wanted or stays for these ports of
/// these addresses, whatever its wants say and without evidence of its own.
struct Overruled {
  std::string owner;
  std::vector<model::Prefix> destinations;
  std::vector<model::PortRange> ports;
  model::Protocol protocol = model::Protocol::any;
};

/// All that is wanted of one security group. Order means nothing, repetition means nothing.
struct GroupDesired {
  std::string instance;  ///< see `is_instance`
  /// shutters < grants < locks, none overlapping: whoever reads the account checks that. Keeps take
  /// the lock band from its start, locks from its end.
  model::Bands bands{};
  std::vector<LockWant> locks{};
  std::vector<KeepWant> keeps{};
  std::vector<OpenWant> opens{};
  std::vector<ReleaseEvidence> releases{};
  /// Owners whose spec is read: `keeps` holds all their exceptions, without destinations where no
  /// machine is known. No other exception of theirs stays: to shut out whom nobody lets in any more
  /// takes no reading of machines.
  std::vector<std::string> exceptions_known{};
  std::vector<Overruled> overruled{};
  /// Owners that exist although they want nothing here and give no evidence (not resolved yet):
  /// their rules are no orphans. Owners of wants and releases need not be repeated.
  std::vector<std::string> known_owners{};
  /// Every cache is synced and every live grant is resolved. Only then does an unexpired rule of
  /// ours that nobody wants go.
  bool everything_known = false;
  /// False where orphans are only to be reported: unexpired allows and shutters nobody wants stay.
  bool remove_orphans = true;
  /// False: the account may not write the group (any more). What is open closes, and who leaves
  /// takes all along; nothing is added or moved, and evidence that is `complete` releases nothing:
  /// what cannot be locked again stays locked.
  bool may_add = true;
  /// False: no open rule is created or widened. Closing and locking go on, and so do exceptions: a
  /// lock without them would cut off a bastion.
  bool may_open = true;
  /// False: no exception is created or widened, either: whose it is cannot be told. Existing ones
  /// stay, or make way for narrower ones of their policy.
  bool may_keep = true;
};

}  // namespace portcullis::plan
