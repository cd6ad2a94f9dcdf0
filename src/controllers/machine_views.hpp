#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "controllers/key_index.hpp"
#include "controllers/views.hpp"
#include "model/virtual_machine.hpp"

namespace portcullis::controllers {

/// A machine as last read; an error leaves the last good reading in place.
struct MachineView {
  std::optional<model::VirtualMachine> machine{};
  TimePoint read_at{};
  std::optional<Error> error{};
  TimePoint failed_at{};                     ///< when that was
  std::optional<TimePoint> missing_since{};  ///< first 404 in a row
  bool gone = false;                         ///< 404 on its id twice, at least 5 s apart
  std::uint64_t read_against = 0;            ///< what lists showed of it when it was last read
  int contradicted = 0;  ///< further readings in a row that the same list contradicts
};

/// Machines by `resource_key`, and which of them stand behind a group: each group is planned for
/// its own machines, without a look at all the others.
class MachineViews final : public Views<MachineView> {
 public:
  /// Keys of the machines that, as last read, have an address behind the group.
  const Keys& behind(const std::string& group_key) const;

 private:
  void place(const std::string& key, const MachineView* view) const;

  mutable KeyIndex behind_;
  mutable std::map<std::string, std::vector<std::string>> groups_of_;
};

/// Ids of the groups on one way, in the order of passing.
std::vector<std::string> group_ids(const model::NetworkPath& path);

}  // namespace portcullis::controllers
