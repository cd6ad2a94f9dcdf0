#pragma once

#include <string>
#include <vector>

#include "app/finding.hpp"
#include "cloud/inspector.hpp"
#include "cloud/provider.hpp"
#include "model/account.hpp"
#include "model/security_rule.hpp"

/// What an account must be like for the operator, and what `portcullis check` says where it is not.
/// No I/O, no clock.
namespace portcullis::app {

/// What the operator does in resource groups; docs/operations.md has the same list.
const std::vector<std::string>& actions_on_groups();    ///< of the security groups
const std::vector<std::string>& actions_on_machines();  ///< of the machines
const std::vector<std::string>& actions_somewhere();    ///< of their networks, wherever those are

/// No token, or no subscription.
Finding judge_refusal(const std::string& subject, const Error& error);

/// `scope`: the resource groups whose groups were listed; empty: all of the subscription.
Findings judge_listing(const std::string& subject, const std::vector<std::string>& scope,
                       const std::vector<cloud::ListedGroup>& groups);

/// The locks that stand in the way of rules of these groups.
Findings judge_locks(const std::string& subject,
                     const Result<std::vector<cloud::ManagementLock>>& locks,
                     const std::vector<cloud::ListedGroup>& groups);

struct ReadPermissions {
  std::string resource_group;
  bool of_groups = false;    ///< security groups are written there
  bool of_machines = false;  ///< machines are read there
  Result<std::vector<cloud::Permission>> permissions;
};
Findings judge_permissions(const std::string& subject, const std::vector<ReadPermissions>& read);

}  // namespace portcullis::app
