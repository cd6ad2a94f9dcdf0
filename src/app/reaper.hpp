#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/reap_report.hpp"
#include "cloud/pauses.hpp"
#include "cloud/provider.hpp"
#include "plan/reap.hpp"

namespace portcullis::app {

/// Closes what `plan_reap` says in all security groups of a subscription, and proves it by reading
/// them again. Four groups at a time, one operation at a time in each. What may pass (budgets, busy
/// groups, no answer) is tried again until `stop`; what is refused is reported. One thread.
class Reaper {
 public:
  struct Order {
    std::string subscription;  ///< for the report
    plan::ReapOrder rules{};
    std::vector<std::string> resource_groups{};
    bool dry_run = false;
  };
  using TimeSource = std::function<plan::ReapTime()>;
  using Tell = std::function<void(const ReapLine& line)>;

  /// All but `order` must outlive it. `tell` hears of each line as soon as it is certain.
  Reaper(cloud::Provider& provider, Clock& clock, TimeSource time, Order order, Tell tell);

  /// Once.
  Task<ReapReport> run();

  /// Begins nothing new from now on and ends all waits. What the cloud was told before is still
  /// waited for: close the provider to end that, too. `why` becomes a problem of the report.
  void stop(std::string why);

 private:
  /// What came of the tries to remove one rule.
  struct Attempt {
    plan::ReapItem item;
    std::optional<Error> refused{};
    bool is_final = false;  ///< not to be tried again
    int tries = 0;
    BootTime not_before{};
  };
  struct Visit;

  Task<Result<Done>> check();
  Task<Done> list_all();
  Task<Result<std::vector<cloud::ListedGroup>>> list(std::vector<std::string> scope);
  Task<bool> rest(Error error, int tries);
  void note_unlisted(const Error& error);
  void note_unseen();
  Task<Done> work();
  Task<Done> reap(model::SecurityGroup listed);
  Task<bool> read(Visit* visit);
  Task<Done> close(Visit* visit, std::vector<plan::ReapItem> items);
  std::optional<BootTime> next_try(const Visit& visit,
                                   const std::vector<plan::ReapItem>& items) const;
  void report(const Visit& visit);
  void report_attempts(const Visit& visit);
  void add(ReapLine line);

  cloud::Provider& provider_;
  Clock& clock_;
  TimeSource time_;
  Order order_;
  Tell tell_;
  cloud::Pauses pauses_;
  std::set<std::string> seen_;  ///< resource groups in which something was listed, in lower case
  std::deque<model::SecurityGroup> queue_;
  ReapReport report_;
};

}  // namespace portcullis::app
