#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/reap_report.hpp"
#include "cloud/pauses.hpp"
#include "cloud/provider.hpp"
#include "plan/reap.hpp"

namespace portcullis::app {

/// One security group while what is over in it is closed: read, tried, read again. One operation at
/// a time. One thread.
class ReapVisit {
 public:
  using TimeSource = std::function<plan::ReapTime()>;

  /// What all visits of a command share; outlives them.
  struct Means {
    cloud::Provider& provider;
    Clock& clock;
    cloud::Pauses& pauses;
    TimeSource time;
    plan::ReapOrder order{};
    bool dry_run = false;
  };

  /// `listed`: what a list told, which is names and marks.
  ReapVisit(const Means& means, model::SecurityGroup listed);

  /// Reads the group, tries all that is due, and reads what came of it. Returns when another turn
  /// is of use; nothing: never. Begins nothing new once `pauses` are stopped.
  Task<std::optional<BootTime>> turn();

  /// Reads once more if something was tried since the last reading.
  Task<Done> prove();

  /// Why what is said of this group is not the whole truth, a sentence each.
  std::vector<std::string> problems() const;

  /// What became of each rule, as far as the last reading tells.
  std::vector<ReapLine> lines() const;

 private:
  /// What came of the tries to remove one rule.
  struct Attempt {
    plan::ReapItem item;
    std::optional<Error> refused{};
    bool is_final = false;  ///< not to be tried again
    int tries = 0;
    BootTime not_before{};
  };

  Task<bool> read();
  Task<Done> close(std::vector<plan::ReapItem> items);
  Task<bool> close_one(plan::ReapItem item);
  std::optional<BootTime> next_try(const std::vector<plan::ReapItem>& items) const;
  ReapLine line_of(const std::string& key, const Attempt& attempt) const;
  ReapLine line_of(const plan::ReapItem& item) const;

  const Means& means_;
  model::SecurityGroup group_;                 ///< as it was last read, at first as it was listed
  std::map<std::string, Attempt> attempts_{};  ///< by rule, in lower case
  bool was_read_ = false;
  bool is_proven_ = false;         ///< it was read, and nothing was tried since
  std::optional<Error> unread_{};  ///< why it could not be read the last time
  BootTime not_before_{};          ///< of any write in it
  int failures_ = 0;               ///< in a row, of reads or of the group as a whole
};

/// Whether the same call may be answered otherwise later.
bool may_pass(const Error& error);

/// How long to wait after so many failures in a row, and no less than the cloud asks for.
Duration pause_after(const std::optional<Error>& error, int tries);

}  // namespace portcullis::app
