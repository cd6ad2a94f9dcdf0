#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/finding.hpp"
#include "base/result.hpp"
#include "kube/client.hpp"

/// What a cluster must be like for the operator of this build, and what `portcullis check` says
/// where it is not. No I/O, no clock.
namespace portcullis::app {

/// The texts of crds/ and of manifests/rbac/20-operator.yaml that this was built with.
std::vector<std::string> crd_manifests();
std::vector<std::string> role_manifests();

/// The CRDs as shipped, by name.
std::map<std::string, nlohmann::json> shipped_crds();

/// Each right of the shipped roles, those of a Role in `ns`.
std::vector<kube::AccessAttributes> shipped_rights(const std::string& ns);

/// `answer` is that of /version.
Finding judge_version(const nlohmann::json& answer, const std::string& server);

/// How far the servers' dates are from this machine's clock.
Finding judge_clock(Duration skew);

/// What puts the guards back, where the operator is that user; `mutating`: the server stamps.
std::string mend_guards(bool mutating, const std::string& user);

/// `served`: the discovery document of our group and version; `seen`: the CRD, if it could be read.
Finding judge_crd(const std::string& name, const nlohmann::json& shipped,
                  const Result<nlohmann::json>& served, const Result<nlohmann::json>& seen);

struct Right {
  kube::AccessAttributes asked;
  Result<bool> answer;
};
/// One line for each resource of which something is missing, or one that all is there.
Findings judge_rights(const std::vector<Right>& rights, const std::string& user);

/// The operator's Lease.
Finding judge_lease(const Result<nlohmann::json>& lease, const std::string& ns, TimePoint now);

/// By the object's conditions, if they are of the object as it is now; nothing is wrong with one
/// that is being deleted.
Finding judge_ready(const std::string& subject, const nlohmann::json& object,
                    const std::string& mend);

}  // namespace portcullis::app
