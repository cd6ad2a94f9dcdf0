#pragma once

#include <map>
#include <set>
#include <string>

#include "controllers/key_index.hpp"
#include "controllers/policy_view.hpp"
#include "controllers/views.hpp"

namespace portcullis::controllers {

/// What the passes of policies found, by "namespace/name"; and which policies have a machine, so
/// that each group is planned for those of its own machines.
class PolicyViews final : public Views<PolicyView> {
 public:
  /// Keys of those with the machine among their targets.
  const Keys& having(const std::string& machine_key) const;

  /// Keys of those that are being deleted and whose locks may go.
  const Keys& leaving() const;

 private:
  void catch_up() const;

  mutable std::map<std::string, Keys> machines_of_;
  mutable KeyIndex having_;
  mutable Keys leaving_;
};

}  // namespace portcullis::controllers
