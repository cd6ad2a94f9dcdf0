#include "controllers/retention.hpp"

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "controllers/resources.hpp"
#include "plan/lifecycle.hpp"

namespace portcullis::controllers {
namespace {

constexpr Duration kept_by_default = std::chrono::hours(168);

/// Argo CD, Flux, Helm, kapp, Config Sync and Fleet, by what they write on all that they apply.
constexpr std::array marks = {"argocd.argoproj.io/",     "kustomize.toolkit.fluxcd.io/",
                              "helm.toolkit.fluxcd.io/", "meta.helm.sh/",
                              "kapp.k14s.io/",           "configmanagement.gke.io/",
                              "configsync.gke.io/",      "objectset.rio.cattle.io/",
                              "fleet.cattle.io/",        "app.kubernetes.io/instance"};

}  // namespace

TimePoint kept_until(const model::AccessVerdict& verdict,
                     const std::optional<model::AccessVerdict::End>& ended) {
  TimePoint over = verdict.meta.created;
  if (verdict.granted) {
    over = ended ? std::min(ended->at, plan::ends_at(verdict)) : plan::ends_at(verdict);
  }
  return over + parse_duration(verdict.retain_for).value_or(kept_by_default);
}

std::optional<std::string> tracking_mark(const nlohmann::json& object) {
  const auto meta = object.find("metadata");
  if (meta == object.end() || !meta->is_object()) return std::nullopt;
  for (const char* list : {"annotations", "labels"}) {
    const auto entries = meta->find(list);
    if (entries == meta->end() || !entries->is_object()) continue;
    for (const auto& [name, value] : entries->items()) {
      const bool is_mark =
          std::ranges::any_of(marks, [&](const char* mark) { return name.starts_with(mark); });
      if (is_mark) return name;
    }
  }
  return std::nullopt;
}

Task<Result<Done>> retire(kube::Client& client, model::Meta request) {
  const kube::ObjectName name{request.ns, request.name};
  const auto object = co_await client.get(requests, name);
  if (!object && object.error().kind == Error::Kind::not_found) co_return Done{};
  if (!object) co_return fail(object.error());
  const auto& meta = object->at("metadata");
  if (meta.value("uid", "") != request.uid || meta.contains("deletionTimestamp") ||
      tracking_mark(*object)) {
    co_return Done{};
  }
  const auto removed = co_await client.remove(
      requests, name, {.uid = request.uid, .resource_version = meta.value("resourceVersion", "")});
  if (removed) {
    log::info("removed after its time as a record", {{"request", request.key()}});
    co_return Done{};
  }
  const auto kind = removed.error().kind;
  if (kind == Error::Kind::not_found) co_return Done{};
  co_return fail(removed.error());
}

}  // namespace portcullis::controllers
