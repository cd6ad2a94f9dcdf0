#include "controllers/guard_shipped.hpp"

#include <algorithm>
#include <stdexcept>

#include "kube/yaml_json.hpp"

namespace portcullis::controllers {
namespace {

using nlohmann::json;

void name_operator(json& spec, const std::string& operator_name) {
  const auto variables = spec.find("variables");
  if (variables == spec.end()) return;
  for (json& variable : *variables) {
    if (variable.at("name") == "operator") variable["expression"] = "'" + operator_name + "'";
  }
}

}  // namespace

const kube::Resource& resource_of(GuardKind kind) {
  static const auto resources = [] {
    const auto make = [](const char* plural, const char* name) {
      return kube::Resource{"admissionregistration.k8s.io", "v1", plural, name, false};
    };
    return std::array{make("validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
                      make("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
                      make("mutatingadmissionpolicies", "MutatingAdmissionPolicy"),
                      make("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding")};
  }();
  return resources.at(static_cast<std::size_t>(kind));
}

std::string to_text(const GuardName& name) {
  return resource_of(name.kind).kind + " \"" + name.name + "\"";
}

ShippedGuards shipped_guards(const std::string& operator_name) {
  ShippedGuards shipped;
  for (const std::string& text : guard_manifests()) {
    auto documents = kube::read_manifest(text);
    if (!documents) throw std::logic_error("manifests/admission: " + documents.error().message);
    for (json& document : *documents) {
      const auto* const kind =
          std::ranges::find(guard_kinds, document.at("kind").get<std::string>(),
                            [](GuardKind each) { return resource_of(each).kind; });
      if (kind == guard_kinds.end()) continue;
      json spec = std::move(document.at("spec"));
      name_operator(spec, operator_name);
      shipped[{*kind, document.at("metadata").at("name").get<std::string>()}] = std::move(spec);
    }
  }
  return shipped;
}

}  // namespace portcullis::controllers
