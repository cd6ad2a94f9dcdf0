#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cloud/provider.hpp"
#include "controllers/account_clocks.hpp"
#include "controllers/coming_grants.hpp"
#include "controllers/inventory_view.hpp"
#include "controllers/machine_views.hpp"
#include "kube/store.hpp"
#include "model/account.hpp"
#include "model/policy.hpp"
#include "model/request.hpp"
#include "plan/drift.hpp"
#include "plan/evaluator.hpp"
#include "plan/lifecycle.hpp"
#include "plan/rule_plan.hpp"
#include "plan/target_state.hpp"
#include "runtime/workqueue.hpp"

namespace portcullis::controllers {

/// The API server's objects as the reflectors keep them.
struct Stores {
  Stores();

  kube::Store<model::CloudAccount> accounts;
  kube::Store<model::JitPolicy> policies;
  kube::Store<model::AccessRequest> requests;
  kube::Store<model::AccessDecision> decisions;
  kube::Store<model::AccessVerdict> verdicts;

  bool synced() const { return unsynced().empty(); }
  /// The kinds that no whole list has been read of.
  std::vector<std::string> unsynced() const;
  /// An object that cannot be read may be one that wants a rule.
  bool all_readable() const {
    return accounts.poisoned().empty() && policies.poisoned().empty() &&
           requests.poisoned().empty() && verdicts.poisoned().empty();
  }
};

/// A write of a rule that no reading has shown yet: the cloud refused that very rule, or it said
/// "done" and shows something else.
struct Attempt {
  plan::Change change{};
  std::optional<Error> refused{};
  int tries = 1;           ///< of this very change, in a row
  TimePoint not_before{};  ///< it is not tried again until then
};

/// A group as last read, and what was found to be done about it then.
struct GroupView {
  std::string id;  ///< as the cloud spells it
  std::optional<model::SecurityGroup> group{};
  TimePoint read_at{};
  plan::RulePlan plan{};               ///< computed on this reading: empty changes mean in sync
  std::set<std::string> considered{};  ///< uids of the grants that the plan knew of
  std::set<std::string> known_over{};  ///< uids of those that it knew to be over
  /// Grants that woke the group since its last good reading, by verdict uid.
  std::set<std::pair<std::string, runtime::Workqueue::Urgency>> woken_by{};
  std::optional<TimePoint> missing_since{};   ///< first 404 of a reading, in a row
  std::optional<Error> error{};               ///< of the last pass, if the whole of it failed
  std::map<std::string, Attempt> attempts{};  ///< by rule name; see `group_attempts.hpp`
  /// Rules that were made inert since the last reading, and why they could not be removed.
  std::map<std::string, Error> left_inert{};
  int conflicts = 0;                ///< passes in a row that ended so
  int unsettled_readings = 0;       ///< in a row; see `settling.hpp`
  plan::Standing standing{};        ///< of our rules, as last read; see `drifts.hpp`
  std::string orphans{};            ///< rules that nobody owns or understands, as last told
  std::vector<TimePoint> drifts{};  ///< when others changed rules of ours, lately
  /// Since when something has to close, as far as is known; see `group_order.hpp` for these.
  std::optional<TimePoint> closing_since{};
  bool closing_marked = false;  ///< somebody said so since the reading was asked for
  std::optional<TimePoint> openings_wait_since{};  ///< for closings of this group; unset: none do
  std::optional<TimePoint> openings_wait_for{};    ///< the closing that they wait for
  Duration write_takes{3'000};                     ///< a write that begins now, by those of late
  bool dirty = false;             ///< what is wanted of it may have changed since the reading
  bool listed_with_ours = false;  ///< a list showed rules named like ours in it
  bool gone = false;              ///< 404, seen twice
  bool passed = false;            ///< a whole pass has been made since the start
  TimePoint confirmed_at{};       ///< a list that was begun then showed it as it was last read
  std::string listed_etag{};      ///< in the last list
  int contradicted = 0;           ///< readings in a row that this etag of the list contradicts
};

/// An end before its time, as this process saw it or brought it about.
struct SeenEnd {
  model::AccessVerdict::End end{};
  TimePoint until{};  ///< the grant's own end: from then on it need not be remembered
};

/// The machines that the selectors of a policy pick. Whoever was listed once stays a candidate
/// until a direct reading says otherwise: lists leave out what may not be seen.
struct Selection {
  struct Candidate {
    std::string id{};
    model::PrefixSet addresses{};  ///< as last read
  };

  std::string uid{};                         ///< of the policy
  std::optional<std::int64_t> listed_for{};  ///< the generation that was last listed for
  std::optional<Error> error{};              ///< of the last list, if it failed
  bool recalled = false;                     ///< those of before the start are among the candidates
  std::map<std::string, Candidate> candidates{};  ///< by resource_key
  /// Addresses that a direct reading showed to be no longer the policy's, by the resource_key of
  /// the machine that lost them, or that the policy lost: only these may leave its locks.
  std::map<std::string, model::PrefixSet> let_go{};
};

/// A policy's machines as its last pass found them.
struct PolicyView {
  std::string uid;
  std::int64_t generation = 0;
  std::vector<plan::TargetState> targets{};  ///< replaced as a whole, never changed one by one
  bool listed = false;           ///< what its selectors pick was listed under this generation
  bool complete = false;         ///< besides, every target was read freshly, without an error
  bool missing = false;          ///< a machine was 404, which is not believed yet
  std::string problem_reason{};  ///< about the policy as a whole; empty: none
  std::string problem{};
  bool leaving = false;  ///< being deleted, its grants are closed: its locks may go

  /// The place of the machine among the targets, by its resource_key.
  std::optional<std::size_t> place_of(const std::string& machine_key) const;
  mutable std::map<std::string, std::size_t> places{};  ///< made when first asked
};

struct AccountView {
  bool listed = false;  ///< the groups in scope were listed since the start
  std::optional<Error> error{};
};

/// Whether the admission policies are proven to be in force.
struct GuardView {
  bool holds = false;
  bool lost = false;  ///< they held once, and then did not
  bool told = false;  ///< somebody has been told
  std::string problem{};
  TimePoint distrust_before{};  ///< undecided requests from before then were stamped by nobody
};

/// Hashes of statuses of ours, 0 for none: to tell what comes back from what others wrote.
struct WrittenStatus {
  std::uint64_t wanted = 0;  ///< the one that it has, or shall have
  std::uint64_t forgone =
      0;  ///< sent before it, and not seen yet when the cache showed it as wanted
};

/// One write of a rule that was tried, for the metrics.
struct RuleWrite {
  plan::Change::Kind kind = plan::Change::Kind::put;
  plan::ChangeClass change_class = plan::ChangeClass::close;
  bool succeeded = false;

  auto operator<=>(const RuleWrite&) const = default;
};

/// What the controllers share: the stores, what was read of the cloud, and the queues by which they
/// wake each other. All of it is a cache; a new process builds it anew. One thread.
class World {
 public:
  using ProviderOf = std::function<Result<cloud::Provider*>(const model::CloudAccount&)>;

  World(Clock& clock, ProviderOf provider_of, std::string instance);

  Clock& clock;
  const std::string instance;
  TimePoint began;              ///< what happened before that, this process cannot know
  std::string operator_name{};  ///< our user name, as the API server says it
  Stores stores;
  /// Accounts as last understood, also those that went or cannot be read any more: by them what is
  /// open is still closed, and nothing else is done.
  std::map<std::string, std::shared_ptr<const model::CloudAccount>> remembered_accounts{};
  MachineViews machines{};                           ///< by resource_key
  std::map<std::string, GroupView> groups{};         ///< by resource_key
  std::map<std::string, PolicyView> policy_views{};  ///< by namespace/name
  std::map<std::string, Selection> selections{};     ///< likewise, of policies with selectors
  std::map<std::string, AccountView> account_views{};
  std::map<std::string, InventoryView> inventories{};  ///< by account, of those with policies
  GuardView guard{};
  AccountClocks clocks{};
  /// Grants that are over and were proven closed since the start, by verdict uid: nothing of ours
  /// opens for them again, so later readings need not prove it anew.
  std::set<std::string> proven_closed{};
  /// Grants that ended early, by verdict uid. Whatever the API server says later (it may have been
  /// restored from a copy of before), nothing opens for them again.
  std::map<std::string, SeenEnd> ended_seen{};
  /// Scheduled grants whose requester the authorizer still let when their time came, by verdict
  /// uid.
  std::set<std::string> cleared{};
  /// What others did to the rules of live grants, by verdict uid; and to those of policies, by key,
  /// until they have told it.
  std::map<std::string, model::DriftNote> drifted{};
  std::map<std::string, model::DriftNote> policy_drifts{};
  /// When a grant was first seen open, as far as this process knows, by verdict uid.
  std::map<std::string, TimePoint> opened{};
  /// Groups that a grant had rules in, by verdict uid: where its closing has to be proven.
  std::map<std::string, std::set<std::string>> touched{};
  /// By the object's uid.
  std::map<std::string, WrittenStatus> written_status{};
  /// Requests that are told of it when a group has been read, by its resource_key: their end waits
  /// for what it shows, or a rule of theirs is left in it. Once each.
  std::map<std::string, std::set<std::string>> awaited{};
  ComingGrants coming{};
  /// Grants that a rule was sent for, or seen in a group, by verdict uid.
  std::set<std::string> stood{};
  /// How many since the start.
  std::map<RuleWrite, std::uint64_t> rules_written{};
  std::uint64_t orphans_closed = 0;
  /// Sentences about those, by account, until it has told them.
  std::map<std::string, std::vector<std::string>> closed_orphans{};
  /// Keys of the verdicts about requests of that key ("namespace/name"), present and past ones.
  std::map<std::string, std::set<std::string>> verdicts_about{};
  /// Keys of the decisions about a request, by its uid.
  std::map<std::string, std::set<std::string>> decisions_about{};

  runtime::Workqueue account_queue;
  runtime::Workqueue inventory_queue;  ///< by account
  runtime::Workqueue policy_queue;
  runtime::Workqueue request_queue;
  runtime::Workqueue group_queue;

  Result<cloud::Provider*> provider_of(const model::CloudAccount& account) {
    return provider_of_(account);
  }

  /// The account that owns a subscription: the oldest that names it.
  const model::CloudAccount* account_of(std::string_view resource_id) const;

  /// Reads the machine anew unless the last good reading is younger than `max_age`; marks the
  /// groups before it if anything about it changed.
  Task<Result<Done>> refresh_machine(std::string account, std::string id, Duration max_age);

  /// Those that no policy names and no verdict is about, and that nobody read for `unneeded_for`.
  void forget_machines();

  bool is_known(const std::string& id, Duration max_age) const;

  /// The same for many, some at a time, in their order. Once the cloud does not answer for one, no
  /// other is asked for: each would wait as long.
  Task<std::vector<Result<Done>>> refresh_machines(std::string account,
                                                   std::vector<std::string> ids, Duration max_age);

  /// Likewise, but a reading that stands by the account's lists (`standing.hpp`) is fresh enough.
  Task<std::vector<Result<Done>>> refresh_standing(std::string account,
                                                   std::vector<std::string> ids, Duration max_age);

  void mark_group(const std::string& id, runtime::Workqueue::Urgency urgency);

  /// Marks it for a grant, once until it is read: each failed reading wakes the grants, and were
  /// they to wake the group in turn, it would be asked for without pause.
  void wake_group(const std::string& id, const model::AccessVerdict& verdict,
                  runtime::Workqueue::Urgency urgency);

  /// Wakes the policies and requests whose judgement rests on this group.
  void group_changed(const std::string& key);

  /// The groups on the ways to a machine; empty when it is not known.
  std::vector<std::string> groups_before(const std::string& machine_id) const;

  /// The groups of one way, as last read.
  plan::FilterPath filters(const model::NetworkPath& path) const;

  /// What people said about a request under this policy, oldest first.
  std::vector<std::shared_ptr<const model::AccessDecision>> said_about(
      const std::string& request_uid, const std::string& policy) const;

  plan::Surroundings surroundings(const model::AccessVerdict& verdict) const;
  bool is_live(const model::AccessVerdict& verdict) const;

  /// Why it ended or ends before its time, or nothing: what was seen once, for good.
  std::optional<model::AccessVerdict::End> early_end(const model::AccessVerdict& verdict) const;
  void remember_end(const model::AccessVerdict& verdict, const model::AccessVerdict::End& end);

  /// A scheduled grant whose time has come, but whose requester the authorizer was not asked about
  /// again (since the start): it opens nothing, and nothing of it is closed either.
  bool awaits_clearance(const model::AccessVerdict& verdict) const;

  /// Every rule of ours in the account's scope is known: no group can hold one that was not seen.
  bool swept(const std::string& account) const;
  /// Openings and proofs of absence wait for that: who may have made it true, the list of the
  /// account or the first pass of a group, calls this; then all its groups are planned anew.
  void wake_swept(const std::string& account);

  /// Whether the machines of every live grant of the account have been read.
  bool grants_resolved(const std::string& account) const;

 private:
  void watch_verdict(const std::string& key, const model::AccessVerdict* before,
                     const model::AccessVerdict* after);
  void note_missing(const std::string& id, MachineView& view);

  ProviderOf provider_of_;
};

/// Groups are read every minute; what could not be read for twice that is not known.
inline constexpr Duration reading_counts_for = std::chrono::seconds(150);

/// Longer than a pass takes from reading a machine to naming it.
inline constexpr Duration unneeded_for = std::chrono::minutes(10);

/// What could not be read is not asked for again before.
inline constexpr Duration failure_counts_for = std::chrono::seconds(3);

/// One 404 is not believed; a second one this much later is.
inline constexpr Duration missing_believed_after = std::chrono::seconds(5);

}  // namespace portcullis::controllers
