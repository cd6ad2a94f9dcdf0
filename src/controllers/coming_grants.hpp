#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace portcullis::controllers {

/// Grants that are about to be written down, by the groups that they will open: what these have to
/// open waits a moment for them, so that one write opens for all. A request that is alone waits for
/// nobody, and no closing waits.
class ComingGrants {
 public:
  /// What opens waits no longer than this from the first time that it was held.
  static constexpr Duration longest_wait{200};
  /// Who has been coming for longer is not waited for. A slow API server takes seconds, and all the
  /// same not each grant shall have a reading and a write of its own.
  static constexpr Duration comes_within{5'000};

  /// The request is about to be granted. May be repeated.
  void expect(const std::string& request_uid, const std::set<std::string>& groups, BootTime now);

  /// It was granted, or it was not. The groups whose openings were held, and need not be longer.
  std::vector<std::string> settle(const std::string& request_uid);

  /// How much longer what opens in the group is held; nothing: it goes now, and what comes after it
  /// may be held anew.
  std::optional<Duration> hold(const std::string& group, BootTime now);

 private:
  struct Group {
    std::map<std::string, BootTime> since;  ///< by request uid
    std::optional<BootTime> held_since{};
  };

  std::map<std::string, Group> groups_;
  std::map<std::string, std::set<std::string>> groups_of_;  ///< by request uid
};

}  // namespace portcullis::controllers
