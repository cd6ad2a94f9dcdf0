#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/object.hpp"
#include "model/security_rule.hpp"

namespace portcullis::model {

/// What the operator reports. Built anew in each pass from data; written only where it differs.

struct RequestStatus {
  struct Rule {
    std::string group;
    std::string name;
    int priority = 0;
  };
  struct Target {
    std::string resource_id;
    std::vector<std::string> addresses;
  };

  std::string state;
  std::string message;
  std::vector<Condition> conditions{};
  std::string verdict_name{};  ///< empty: none yet
  std::string verdict_outcome{};
  std::string verdict_reason{};
  std::optional<TimePoint> granted_at{};
  std::optional<TimePoint> starts_at{};
  std::optional<TimePoint> expires_at{};
  std::optional<TimePoint> opened_at{};
  std::optional<TimePoint> ended_at{};
  std::optional<TimePoint> closed_at{};
  std::vector<Rule> rules{};
  std::vector<Target> targets{};
};

struct PolicyStatus {
  /// Sources that a lock would cut, or that come in past it, and the rule that lets them.
  struct Cut {
    PortRange ports;
    Protocol protocol = Protocol::any;
    std::vector<std::string> sources;
    std::string rule;
  };
  struct Target {
    std::string resource_id;
    std::string vm_id;
    std::string state;
    std::string message;
    std::vector<std::string> addresses;
    std::vector<std::string> groups;
    std::vector<Cut> cut;
    bool as_wanted = false;  ///< where not all can be shown, the others are shown first
  };

  std::vector<Condition> conditions{};
  std::vector<Target> targets{};  ///< all; what is written of them: see `api::to_json`
  std::string summary{};
  int active_grants = 0;
};

struct AccountStatus {
  std::vector<Condition> conditions{};
};

struct VerdictStatus {
  std::vector<Condition> conditions{};
};

}  // namespace portcullis::model
