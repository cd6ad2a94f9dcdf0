#pragma once

#include <string>
#include <vector>

#include "model/prefix.hpp"
#include "model/security_rule.hpp"

namespace portcullis::plan {

/// One security group that inbound traffic passes.
struct Filter {
  std::string id;
  const model::SecurityGroup* group =
      nullptr;  ///< null: could not be read; nothing is proven by it
};

/// In the order of passing: subnet's group, then the interface's. A group that is not there is not
/// listed; an empty path filters nothing.
using FilterPath = std::vector<Filter>;

/// New inbound flows to one address. Only sources of its own family can send them.
struct Inbound {
  model::Prefix destination;                      ///< a private address
  std::vector<std::string> application_groups{};  ///< of its interface; lower case
  model::PortRange ports{};
  model::Protocol protocol = model::Protocol::tcp;  ///< tcp, udp, or any: both
};

/// A rule (or a group that could not be read: `rule` is empty) that decides about some sources.
struct Blame {
  std::string group{};  ///< id; empty with `rule`: no group stands on the path
  std::string rule{};
  int priority = 0;
  model::Access access = model::Access::allow;
  model::PrefixSet sources{};        ///< about whom; all, where it cannot be told
  std::vector<std::string> names{};  ///< tags and application groups in its source: not expanded
  bool proven = true;                ///< false: the rule may apply to them, it is not certain
  std::string why{};                 ///< a sentence for people
};

/// Exact where rules are, and bounded from both sides where they name what is not expanded or are
/// not settled (`SecurityRule::unsettled`).
struct Reach {
  model::PrefixSet surely_allowed{};  ///< on every port and protocol asked for
  model::PrefixSet maybe_allowed{};   ///< all that could pass on at least one of them: a superset
  std::vector<Blame> allowed_by{};    ///< in the order of the path, then of priority
  std::vector<Blame> denied_by{};     ///< denials that (may) reach some source
};

/// Who reaches this, by the rules and default rules of all groups on the path. Where the default
/// rules were not read, what falls through is taken as undecided.
Reach allowed_sources(const FilterPath& path, const Inbound& inbound);

/// Who may come in although it is locked.
struct Permitted {
  model::PrefixSet sources{};       ///< exceptions
  std::vector<std::string> tags{};  ///< exceptions
  /// Own allow rules as they shall be (`WantedRule`s): what the rule of that name lets in beyond
  /// this is no longer permitted.
  std::vector<model::SecurityRule> rules{};
};

struct ClosedProof {
  enum class Verdict {
    closed,       ///< proven: nobody but the permitted
    bypassed,     ///< `blames` let, or may let, `sources` in
    unprotected,  ///< no group on the path
    unread,       ///< only groups that could not be read stand between
  };
  Verdict verdict = Verdict::unread;
  model::PrefixSet sources{};
  std::vector<Blame> blames{};  ///< allow rules, highest precedence first

  bool closed() const { return verdict == Verdict::closed; }
};

/// One group that denies suffices.
ClosedProof prove_closed(const FilterPath& path, const Inbound& inbound,
                         const Permitted& permitted = {});

struct OpenProof {
  enum class Verdict {
    open,      ///< proven: all of `sources` reach all of the ports
    shadowed,  ///< `blames` deny some of them
    unproven,  ///< `blames` may deny some of them, or a group could not be read
  };
  Verdict verdict = Verdict::unproven;
  model::PrefixSet sources{};   ///< those not proven open
  std::vector<Blame> blames{};  ///< deny rules, highest precedence first

  bool open() const { return verdict == Verdict::open; }
};

/// Every group has to allow. Sources of another family than the destination are left out; where
/// none remains, nothing is proven.
OpenProof prove_open(const FilterPath& path, const Inbound& inbound,
                     const model::PrefixSet& sources);

/// For Audit: whom a lock of these ports would cut off now, rule by rule, but for the permitted.
std::vector<Blame> what_is_cut(const FilterPath& path, const Inbound& inbound,
                               const Permitted& permitted = {});

}  // namespace portcullis::plan
