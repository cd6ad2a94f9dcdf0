#pragma once

#include <set>
#include <string>
#include <vector>

#include "app/reap_report.hpp"
#include "app/reap_visit.hpp"
#include "app/turns.hpp"
#include "cloud/pauses.hpp"
#include "cloud/provider.hpp"

namespace portcullis::app {

/// Closes what `plan_reap` says in all security groups of a subscription, and proves it by reading
/// them again. What may pass (budgets, busy groups, no answer) is tried again until `stop`; what is
/// refused is reported. Nothing waits for what fails: a list that is not answered holds up only its
/// own resource group, and a group that has to wait gives its turn to the next. One thread.
class Reaper {
 public:
  struct Order {
    std::string subscription;  ///< for the report
    plan::ReapOrder rules{};
    std::vector<std::string> resource_groups{};
    bool dry_run = false;
  };
  using TimeSource = ReapVisit::TimeSource;
  using Tell = std::function<void(const ReapLine& line)>;

  /// All but `order` must outlive it. `tell` hears of each line as soon as it is certain.
  Reaper(cloud::Provider& provider, Clock& clock, TimeSource time, Order order, Tell tell);

  /// Once.
  Task<ReapReport> run();

  /// Begins nothing new from now on and ends all waits. What the cloud was told before is still
  /// waited for: close the provider to end that, too. `why` becomes a problem of the report.
  void stop(std::string why);

 private:
  Task<Done> reap_scope(std::vector<std::string> resource_groups);
  Task<Result<std::vector<cloud::ListedGroup>>> list(std::vector<std::string> resource_groups);
  Task<Done> reap(model::SecurityGroup listed);
  Task<bool> pass_turn(ReapVisit* visit);
  Task<Done> explain_nothing();
  void note_unlisted(const Error& error);
  void note_unseen();
  void add(ReapLine line);

  cloud::Pauses pauses_;
  Turns turns_;
  ReapVisit::Means means_;
  std::vector<std::string> resource_groups_;
  Tell tell_;
  std::set<std::string> seen_;  ///< resource groups in which something was listed, in lower case
  ReapReport report_;
};

}  // namespace portcullis::app
