#pragma once

#include <array>
#include <compare>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kube/client.hpp"

namespace portcullis::controllers {

enum class GuardKind { policy, binding, mutation, mutation_binding };

inline constexpr std::array guard_kinds = {GuardKind::policy, GuardKind::binding,
                                           GuardKind::mutation, GuardKind::mutation_binding};

/// Whether only servers that stamp have this kind (1.36 and later).
constexpr bool is_mutating(GuardKind kind) {
  return kind == GuardKind::mutation || kind == GuardKind::mutation_binding;
}

/// How the API server's URLs name the kind.
const kube::Resource& resource_of(GuardKind kind);

struct GuardName {
  GuardKind kind;
  std::string name;

  auto operator<=>(const GuardName&) const = default;
};

/// `ValidatingAdmissionPolicy "portcullis-status"`
std::string to_text(const GuardName& name);

/// The `spec` of each admission object that belongs to an installation, as it was shipped.
using ShippedGuards = std::map<GuardName, nlohmann::json>;

/// Those of this build, for an operator of this user name: it stands in the variable `operator` of
/// the policies, which an admin may have set to another name than the shipped one.
ShippedGuards shipped_guards(const std::string& operator_name);

/// The texts of manifests/admission that this was built with.
std::vector<std::string> guard_manifests();

}  // namespace portcullis::controllers
