#include "app/cluster_expectations.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "api/encode.hpp"
#include "controllers/guard_spec.hpp"
#include "kube/yaml_json.hpp"
#include "plan/clock_skew.hpp"

namespace portcullis::app {
namespace {

// Whom manifests/admission names.
constexpr const char* shipped_operator_user = "system:serviceaccount:portcullis-system:portcullis";

using nlohmann::json;

constexpr int oldest_minor = 31;
constexpr int stamping_minor = 36;

/// Empty where there is no such text.
std::string text_at(const json& from, const char* pointer) {
  const json::json_pointer path(pointer);
  return from.contains(path) && from.at(path).is_string() ? from.at(path).get<std::string>() : "";
}

/// "36", "36+"
std::optional<int> number_in(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

std::vector<json> documents(const std::vector<std::string>& manifests) {
  std::vector<json> all;
  for (const std::string& text : manifests) {
    auto read = kube::read_manifest(text);
    if (!read) throw std::logic_error("a shipped manifest: " + read.error().message);
    std::ranges::move(*read, std::back_inserter(all));
  }
  return all;
}

std::vector<std::string> texts_at(const json& from, const char* key) {
  const auto found = from.find(key);
  return found == from.end() ? std::vector<std::string>{} : found->get<std::vector<std::string>>();
}

void add_rights(std::vector<kube::AccessAttributes>& rights, const json& rule,
                const std::string& ns) {
  auto names = texts_at(rule, "resourceNames");
  if (names.empty()) names.emplace_back();
  for (const std::string& group : texts_at(rule, "apiGroups")) {
    for (const std::string& resource : texts_at(rule, "resources")) {
      const auto slash = resource.find('/');
      for (const std::string& name : names) {
        for (const std::string& verb : texts_at(rule, "verbs")) {
          rights.push_back(
              {.group = group,
               .resource = resource.substr(0, slash),
               .subresource = slash == std::string::npos ? "" : resource.substr(slash + 1),
               .ns = ns,
               .name = name,
               .verb = verb});
        }
      }
    }
  }
}

/// "jitpolicies.portcullis.dev/portcullis-guard-probe in portcullis-system"
std::string words(const kube::AccessAttributes& right) {
  std::string text = right.resource;
  if (!right.subresource.empty()) text += "/" + right.subresource;
  if (!right.group.empty()) text += "." + right.group;
  if (!right.name.empty()) text += " \"" + right.name + "\"";
  if (!right.ns.empty()) text += " in namespace " + right.ns;
  return text;
}

/// What the server fills in says nothing.
json without_defaults(json spec) {
  const auto conversion = spec.find("conversion");
  if (conversion != spec.end() && *conversion == json{{"strategy", "None"}}) {
    spec.erase(conversion);
  }
  return spec;
}

}  // namespace

std::map<std::string, json> shipped_crds() {
  std::map<std::string, json> crds;
  for (json& document : documents(crd_manifests())) {
    std::string name = text_at(document, "/metadata/name");
    crds[std::move(name)] = std::move(document);
  }
  return crds;
}

std::vector<kube::AccessAttributes> shipped_rights(const std::string& ns) {
  std::vector<kube::AccessAttributes> rights;
  for (const json& document : documents(role_manifests())) {
    const bool is_cluster_role = document.at("kind") == "ClusterRole";
    if (!is_cluster_role && document.at("kind") != "Role") continue;
    for (const json& rule : document.at("rules"))
      add_rights(rights, rule, is_cluster_role ? "" : ns);
  }
  return rights;
}

Finding judge_version(const json& answer, const std::string& server) {
  const auto major = number_in(text_at(answer, "/major"));
  const auto minor = number_in(text_at(answer, "/minor"));
  const std::string version = text_at(answer, "/gitVersion");
  const std::string what = version + " at " + server;
  if (!major || !minor) {
    return warn("api server", "answers at " + server + ", but not which version it is", "");
  }
  if (*major < 1 || (*major == 1 && *minor < oldest_minor)) {
    return failed("api server", what + " is too old",
                  fmt::format("upgrade it to 1.{} or later", oldest_minor));
  }
  if (*major == 1 && *minor < stamping_minor) {
    return warn("api server", what + " does not stamp who asks: clients fill that in",
                fmt::format("1.{} or later stamps; until then manifests/admission-before-1.36 is "
                            "the right one",
                            stamping_minor));
  }
  return ok("api server", what);
}

Finding judge_clock(Duration skew) {
  const Duration off = std::chrono::abs(skew);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(off);
  const std::string how =
      fmt::format("this machine's clock is {} {} the servers'", format_duration(seconds),
                  skew > Duration(0) ? "behind" : "ahead of");
  if (off > plan::most_skew)
    return failed("clock", how, "set it (NTP): openings stop at such a difference");
  if (off > plan::told_skew) return warn("clock", how, "set it (NTP)");
  return ok("clock", "agrees with the servers");
}

std::string mend_guards(bool mutating, const std::string& user) {
  if (user != shipped_operator_user) {
    return "install them as they were installed: they name the operator, and manifests/admission "
           "names another (helm upgrade, or your own kustomization); if the operator is somebody "
           "else: --operator-user";
  }
  return fmt::format(
      "kubectl replace -k {} (apply -k where one is missing), or helm upgrade; if the operator is "
      "somebody else: --operator-user",
      mutating ? "manifests/admission" : "manifests/admission-before-1.36");
}

Finding judge_crd(const std::string& name, const json& shipped, const Result<json>& served,
                  const Result<json>& seen) {
  const std::string subject = "crd " + name;
  const std::string mend = "kubectl apply -k crds";
  const std::string group_version = std::string(api::group) + "/" + api::version;
  if (!served && served.error().kind != Error::Kind::not_found) {
    return not_checked(subject, served.error().message, "see the lines above");
  }
  const std::string plural = text_at(shipped, "/spec/names/plural");
  const auto resources = served ? served->value("resources", json::array()) : json::array();
  const bool is_served = std::ranges::any_of(
      resources, [&](const json& each) { return text_at(each, "/name") == plural; });
  if (!is_served) return failed(subject, "is not served in " + group_version, mend);
  if (!seen && seen.error().kind == Error::Kind::forbidden) {
    return ok(subject, "served in " + group_version +
                           "; its schema was not compared (an admin may read it)");
  }
  if (!seen) return not_checked(subject, seen.error().message, "what the message says");
  const auto difference = controllers::find_difference(
      without_defaults(shipped.at("spec")), without_defaults(seen->value("spec", json::object())));
  if (difference) {
    return failed(subject, "is not that of this version: " + *difference,
                  mend + " of the version that you run (" PORTCULLIS_VERSION ")");
  }
  return ok(subject, "as shipped, served in " + group_version);
}

Findings judge_rights(const std::vector<Right>& rights, const std::string& user) {
  const std::string mend = "kubectl apply -k manifests/rbac";
  std::map<std::string, std::vector<std::string>> missing;
  for (const Right& right : rights) {
    if (!right.answer) {
      return {not_checked("rights", "those of " + user + ": " + right.answer.error().message,
                          "run it with the operator's own kubeconfig, or as an admin")};
    }
    if (!*right.answer) missing[words(right.asked)].push_back(right.asked.verb);
  }
  Findings findings;
  for (const auto& [what, verbs] : missing) {
    findings.push_back(failed(
        "rights", fmt::format("{} may not {} {}", user, fmt::join(verbs, ", "), what), mend));
  }
  if (!findings.empty()) return findings;
  return {ok("rights", fmt::format("{} has all {} of the shipped roles", user, rights.size()))};
}

Finding judge_lease(const Result<json>& lease, const std::string& ns, TimePoint now) {
  const std::string start = "start the operator (or name its --namespace)";
  if (!lease && lease.error().kind == Error::Kind::not_found) {
    return warn("lease", "none in namespace " + ns + ": no operator ever ran there", start);
  }
  if (!lease) return not_checked("lease", lease.error().message, "");
  const std::string holder = text_at(*lease, "/spec/holderIdentity");
  if (holder.empty()) return warn("lease", "nobody holds it: no operator runs", start);
  const auto renewed = parse_rfc3339(text_at(*lease, "/spec/renewTime"));
  const auto spec = lease->value("spec", json::object());
  const auto seconds = spec.find("leaseDurationSeconds");
  const Duration lasts = std::chrono::seconds(
      seconds != spec.end() && seconds->is_number_integer() ? seconds->get<int>() : 15);
  if (!renewed || *renewed + lasts < now) {
    const std::string since =
        renewed ? format_duration(std::chrono::floor<std::chrono::seconds>(now - *renewed))
                : "ever";
    return warn("lease", holder + " has not renewed it for " + since + ": no operator runs",
                "start the operator, or look into its log");
  }
  return ok("lease", "held by " + holder);
}

Finding judge_ready(const std::string& subject, const json& object, const std::string& mend) {
  if (!text_at(object, "/metadata/deletionTimestamp").empty()) {
    return warn(subject, "is being deleted", "");
  }
  const json none = json::array();
  const json::json_pointer path("/status/conditions"), wanted("/metadata/generation"),
      looked_at("/status/observedGeneration");
  if (object.value(looked_at, std::int64_t{0}) < object.value(wanted, std::int64_t{0})) {
    return warn(subject, "no operator has looked at it as it is now", "start the operator");
  }
  for (const json& condition : object.contains(path) ? object.at(path) : none) {
    if (text_at(condition, "/type") != "Ready") continue;
    if (text_at(condition, "/status") == "True") return ok(subject, "Ready");
    return failed(
        subject,
        "not Ready, " + text_at(condition, "/reason") + ": " + text_at(condition, "/message"),
        mend);
  }
  return warn(subject, "no operator has looked at it yet", "start the operator");
}

}  // namespace portcullis::app
