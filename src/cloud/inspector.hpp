#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/asio.hpp"
#include "base/result.hpp"

namespace portcullis::cloud {

/// A management lock of ARM: it holds for its scope and all below.
struct ManagementLock {
  std::string scope;  ///< ARM id of what it was set on
  std::string name;
  std::string level;  ///< "CanNotDelete", "ReadOnly", or a word that we do not know
};

/// One role's actions, with "*" as any part: "Microsoft.Network/*/read".
struct Permission {
  std::vector<std::string> actions{};
  std::vector<std::string> not_actions{};
};

/// Whether one of them allows the action; letter case does not count.
bool permits(const std::vector<Permission>& permissions, std::string_view action);

/// What can be learned of an account without writing, for people who look for what is missing. Both
/// need rights that the operator's role does not give: `forbidden` says nothing about the account.
class Inspector {
 public:
  virtual ~Inspector() = default;

  /// All of the subscription, whatever they were set on. Source: Management Locks 2016-09-01.
  virtual Task<Result<std::vector<ManagementLock>>> list_locks() = 0;

  /// What the credential may do in a resource group as a whole; what it may only on single
  /// resources is not in it. Source: Authorization Permissions 2022-04-01.
  virtual Task<Result<std::vector<Permission>>> list_permissions(std::string resource_group) = 0;
};

}  // namespace portcullis::cloud
