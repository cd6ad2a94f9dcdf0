#include "app/cloud_expectations.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "model/resource_id.hpp"

namespace portcullis::app {
namespace {

const std::string role = "give the identity the role of docs/operations.md there";

/// "a and 3 more"
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 3;
  if (names.size() <= most) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{}, {}, {} and {} more", names[0], names[1], names[2], names.size() - most);
}

std::vector<std::string> missing_of(const std::vector<std::string>& actions,
                                    const std::vector<cloud::Permission>& permissions) {
  std::vector<std::string> missing;
  std::ranges::copy_if(actions, std::back_inserter(missing), [&](const std::string& action) {
    return !cloud::permits(permissions, action);
  });
  return missing;
}

bool lies_in(const cloud::ListedGroup& group, const std::string& scope) {
  return (model::resource_key(group.id) + "/").starts_with(model::ascii_lower(scope) + "/");
}

}  // namespace

const std::vector<std::string>& actions_on_groups() {
  static const std::vector<std::string> actions = {
      "Microsoft.Network/networkSecurityGroups/read",
      "Microsoft.Network/networkSecurityGroups/securityRules/read",
      "Microsoft.Network/networkSecurityGroups/securityRules/write",
      "Microsoft.Network/networkSecurityGroups/securityRules/delete"};
  return actions;
}

const std::vector<std::string>& actions_on_machines() {
  static const std::vector<std::string> actions = {"Microsoft.Compute/virtualMachines/read",
                                                   "Microsoft.Network/networkInterfaces/read"};
  return actions;
}

const std::vector<std::string>& actions_somewhere() {
  static const std::vector<std::string> actions = {"Microsoft.Network/virtualNetworks/read",
                                                   "Microsoft.Network/virtualNetworks/subnets/read",
                                                   "Microsoft.Network/publicIPAddresses/read"};
  return actions;
}

Finding judge_refusal(const std::string& subject, const Error& error) {
  switch (error.kind) {
    case Error::Kind::unauthorized:
      return failed(subject, "no token: " + error.message,
                    "tenant, clientID and credential of the account; the secret or federation");
    case Error::Kind::forbidden:
      return failed(subject, "the subscription cannot be read: " + error.message, role);
    case Error::Kind::invalid:
      return failed(subject, error.message, "mend the account, or give the operator's flags");
    default:
      return failed(subject, error.message, "network, endpoints, and what the message says");
  }
}

Findings judge_listing(const std::string& subject, const std::vector<std::string>& scope,
                       const std::vector<cloud::ListedGroup>& groups) {
  const std::string where = scope.empty()
                                ? "the subscription"
                                : fmt::format("resource groups {}", fmt::join(scope, ", "));
  if (groups.empty()) {
    return {warn(subject, "the credential works, but no NSG is visible in " + where,
                 "spec.networkResourceGroups and spec.access, or " + role)};
  }
  Findings findings = {ok(subject, fmt::format("the credential works; {} NSGs are visible in {}",
                                               groups.size(), where))};
  for (const std::string& name : scope) {
    const bool seen = std::ranges::any_of(groups, [&](const cloud::ListedGroup& group) {
      const auto id = model::parse_resource_id(group.id);
      return id && model::ascii_lower(id->resource_group) == model::ascii_lower(name);
    });
    if (seen) continue;
    findings.push_back(
        warn(subject, "no NSG is visible in resource group " + name, "its name, or " + role));
  }
  return findings;
}

Findings judge_locks(const std::string& subject,
                     const Result<std::vector<cloud::ManagementLock>>& locks,
                     const std::vector<cloud::ListedGroup>& groups) {
  if (!locks) {
    return {not_checked(subject + " locks", locks.error().message,
                        locks.error().kind == Error::Kind::forbidden
                            ? "for that it needs Microsoft.Authorization/locks/read"
                            : "")};
  }
  Findings findings;
  for (const cloud::ManagementLock& lock : *locks) {
    const auto number = std::ranges::count_if(
        groups, [&](const cloud::ListedGroup& group) { return lies_in(group, lock.scope); });
    if (number == 0) continue;
    const std::string what = fmt::format("{} lock \"{}\" on {} holds for {} NSGs in scope",
                                         lock.level, lock.name, lock.scope, number);
    if (model::ascii_lower(lock.level) == "cannotdelete") {
      findings.push_back(warn(subject + " locks", what + ": rules that end are made inert and stay",
                              "remove it, or set it elsewhere"));
    } else {
      findings.push_back(failed(subject + " locks",
                                what + ": nothing can be locked, opened or closed", "remove it"));
    }
  }
  if (findings.empty()) findings.push_back(ok(subject + " locks", "none on the NSGs in scope"));
  return findings;
}

Findings judge_permissions(const std::string& subject, const std::vector<ReadPermissions>& read) {
  const std::string what = subject + " rights";
  Findings findings;
  std::vector<cloud::Permission> all;
  std::vector<std::string> names;
  for (const ReadPermissions& each : read) {
    if (!each.permissions) {
      findings.push_back(not_checked(
          what, "resource group " + each.resource_group + ": " + each.permissions.error().message,
          ""));
      continue;
    }
    names.push_back(each.resource_group);
    std::ranges::copy(*each.permissions, std::back_inserter(all));
    std::vector<std::string> missing;
    if (each.of_groups) missing = missing_of(actions_on_groups(), *each.permissions);
    if (each.of_machines) {
      std::ranges::move(missing_of(actions_on_machines(), *each.permissions),
                        std::back_inserter(missing));
    }
    if (missing.empty()) continue;
    findings.push_back(failed(what,
                              fmt::format("in resource group {} it may not {}", each.resource_group,
                                          fmt::join(missing, ", ")),
                              role));
  }
  if (names.empty()) return findings;
  if (const auto missing = missing_of(actions_somewhere(), all); !missing.empty()) {
    findings.push_back(warn(
        what, fmt::format("in none of these resource groups it may {}", fmt::join(missing, ", ")),
        "give it that where the networks are"));
  }
  if (findings.empty()) {
    findings.push_back(ok(what, "all that is needed in resource groups " + listed(names)));
  }
  return findings;
}

}  // namespace portcullis::app
