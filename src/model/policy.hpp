#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/object.hpp"
#include "model/security_rule.hpp"
#include "model/virtual_machine.hpp"

namespace portcullis::model {

/// Who may always come in on a locked port.
struct Exception {
  std::vector<Prefix> sources{};
  std::string service_tag{};  ///< or this
  std::string reason{};

  bool operator==(const Exception&) const = default;
};

struct PolicyPort {
  PortRange range{};
  Protocol protocol = Protocol::any;
  Duration max_duration{};
  std::vector<Prefix> allowed_sources{};  ///< empty: any, within the minimal lengths
  int min_prefix_ipv4 = 32;
  int min_prefix_ipv6 = 128;
  std::vector<Exception> exceptions{};

  bool operator==(const PolicyPort&) const = default;
};

/// One machine by name, or all with these tags.
struct PolicyTarget {
  std::string resource_group{};
  std::string name{};  ///< empty: a selector
  Tags tags{};

  bool operator==(const PolicyTarget&) const = default;
};

struct JitPolicy {
  Meta meta;
  std::string account;
  std::vector<PolicyTarget> targets;
  std::vector<PolicyPort> ports;
  bool enforce = false;
  struct Approval {
    int required = 0;
    int denials = 1;
    std::optional<Duration> timeout{};
    std::string contact{};
  } approval{};
  bool allow_service_accounts = false;
  bool reason_required = false;
  std::string reason_pattern{};
  struct Limits {
    std::optional<int> active_per_requester{};
    std::optional<int> active{};
    std::optional<Duration> total_duration{};
  } limits{};
  Duration max_ahead{};
  bool suspend = false;
  bool keep_locks = false;  ///< onDelete: KeepLocks
  std::string on_drift = "Correct";
  std::string retain_for = "168h";
  SeenStatus status{};
};

/// How long a request may wait for its decision under this policy.
Duration decision_timeout(const JitPolicy& policy);

}  // namespace portcullis::model
