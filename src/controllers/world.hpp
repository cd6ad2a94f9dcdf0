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
#include "controllers/group_views.hpp"
#include "controllers/inventory_view.hpp"
#include "controllers/key_index.hpp"
#include "controllers/machine_views.hpp"
#include "controllers/policy_index.hpp"
#include "controllers/policy_views.hpp"
#include "controllers/request_index.hpp"
#include "controllers/stores.hpp"
#include "controllers/touched_groups.hpp"
#include "controllers/verdict_index.hpp"
#include "plan/evaluator.hpp"
#include "plan/lifecycle.hpp"
#include "runtime/workqueue.hpp"

namespace portcullis::controllers {

/// An end before its time, as this process saw it or brought it about.
struct SeenEnd {
  model::AccessVerdict::End end{};
  TimePoint until{};  ///< the grant's own end: from then on it need not be remembered
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
  MachineViews machines{};                        ///< by resource_key
  GroupViews groups;                              ///< by resource_key
  PolicyViews policy_views{};                     ///< by namespace/name
  std::map<std::string, Selection> selections{};  ///< likewise, of policies with selectors
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
  /// Uids of policies whose grants were held against their limits since a grant came or they
  /// changed.
  std::set<std::string> limits_judged{};
  /// Scheduled grants whose requester the authorizer still let when their time came, by verdict
  /// uid.
  std::set<std::string> cleared{};
  /// What others did to the rules of live grants, by verdict uid; and to those of policies, by key,
  /// until they have told it.
  std::map<std::string, model::DriftNote> drifted{};
  std::map<std::string, model::DriftNote> policy_drifts{};
  /// When a grant was first seen open, as far as this process knows, by verdict uid.
  std::map<std::string, TimePoint> opened{};
  TouchedGroups touched{};  ///< by verdict uid
  /// By the object's uid, until the cache shows what was written.
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
  /// What the stores hold, by what it is asked for. Kept by the constructor's listeners alone.
  VerdictIndex verdict_index{};
  PolicyIndex policy_index{};
  RequestIndex request_index{};
  KeyIndex decisions_about{};  ///< keys of decisions, by the uid of the request

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
  const model::CloudAccount* account_of_subscription(std::string_view subscription) const;

  /// Keys of the groups in the account's subscription; none if another account owns it.
  std::vector<std::string> groups_of(const std::string& account) const;

  /// Reads the machine anew unless the last good reading is younger than `max_age`; marks the
  /// groups before it if anything about it changed.
  Task<Result<Done>> refresh_machine(std::string account, std::string id, Duration max_age,
                                     cloud::Work work = cloud::Work::opening);

  /// Those that no policy names and no verdict is about, and that nobody read for `unneeded_for`.
  void forget_machines();

  bool is_known(const std::string& id, Duration max_age) const;

  /// The same for many that something is granted on, some at a time, in their order. Once the cloud
  /// does not answer for one, no other is asked for: each would wait as long.
  Task<std::vector<Result<Done>>> refresh_machines(std::string account,
                                                   std::vector<std::string> ids, Duration max_age);

  /// How a policy's machines are read.
  struct Survey {
    Duration max_age;
    bool may_stand;  ///< a reading that stands by the account's lists (`standing.hpp`) will do
    cloud::Work work;
  };
  /// Likewise those that a policy may have.
  Task<std::vector<Result<Done>>> survey_machines(std::string account, std::vector<std::string> ids,
                                                  Survey survey);

  void mark_group(const std::string& id, runtime::Workqueue::Urgency urgency);

  /// Marks it for a grant, once until it is read: each failed reading wakes the grants, and were
  /// they to wake the group in turn, it would be asked for without pause.
  void wake_group(const std::string& id, const model::AccessVerdict& verdict,
                  runtime::Workqueue::Urgency urgency);

  /// Wakes all requests under policies of the account.
  void wake_requests(const std::string& account);

  /// Wakes the policies and requests whose judgement rests on this group.
  void group_changed(const std::string& key);
  void wake_policy(const std::string& key);

  /// The groups on the ways to a machine; empty when it is not known.
  std::vector<std::string> groups_before(const std::string& machine_id) const;

  /// The groups of one way, as last read.
  plan::FilterPath filters(const model::NetworkPath& path) const;

  /// What people said about a request under this policy, oldest first.
  std::vector<std::shared_ptr<const model::AccessDecision>> said_about(
      const std::string& ns, const std::string& request_uid, const std::string& policy) const;

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
  /// Openings, removals and proofs of absence wait for that: who may have made it true, the list of
  /// the account or the first pass of a group, calls this; then those of its groups are planned
  /// anew that any of these may be about.
  void wake_swept(const std::string& account);

  /// Whether the machines of every live grant of the account have been read.
  bool grants_resolved(const std::string& account) const;

 private:
  void watch_verdict(const std::string& key, const model::AccessVerdict* before,
                     const model::AccessVerdict* after);
  void note_missing(const std::string& id, MachineView& view);
  bool anybody_has(const std::string& machine_key) const;
  bool waits_for_sweep(const std::string& group_key) const;

  ProviderOf provider_of_;
};

/// Groups are read every minute; what could not be read for twice that is not known.
inline constexpr Duration reading_counts_for = std::chrono::seconds(150);

/// Nothing is opened by what a machine had longer ago, whatever lists say: its address may be
/// another machine's by now. What is open is read every minute.
inline constexpr Duration reading_opens_for = std::chrono::seconds(90);

/// Longer than a pass takes from reading a machine to naming it.
inline constexpr Duration unneeded_for = std::chrono::minutes(10);

/// What could not be read is not asked for again before.
inline constexpr Duration failure_counts_for = std::chrono::seconds(3);

/// One 404 is not believed; a second one this much later is.
inline constexpr Duration missing_believed_after = std::chrono::seconds(5);

}  // namespace portcullis::controllers
