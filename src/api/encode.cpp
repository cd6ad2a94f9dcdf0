#include "api/encode.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "api/status_hash.hpp"

namespace portcullis::api {
namespace {

using nlohmann::json;

// Messages are bounded by the CRDs; what a cloud answered can be long.
constexpr std::size_t message_limit = 1024;

/// Cut where a character ends: else it is no text any more, and refused as a whole.
std::string bounded_to(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t cut = most;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  return text.substr(0, cut);
}

std::string bounded(const std::string& text) {
  if (text.size() <= message_limit) return text;
  return bounded_to(text, message_limit - 3) + "...";
}

/// The first of a list, as many as the schema takes: a status that is refused says nothing at all.
template <typename T>
std::span<const T> first_of(const std::vector<T>& all, std::size_t most) {
  return std::span(all).first(std::min(all.size(), most));
}

json texts_json(const std::vector<std::string>& all, std::size_t most, std::size_t length) {
  json out = json::array();
  for (const std::string& text : first_of(all, most)) out.push_back(bounded_to(text, length));
  return out;
}

json conditions_json(const std::vector<model::Condition>& conditions, const model::Meta& meta,
                     const model::SeenStatus& seen, TimePoint now) {
  json out = json::array();
  for (const auto& condition : conditions) {
    const auto before = std::ranges::find_if(
        seen.changes,
        [&](const model::SeenStatus::Change& change) { return change.type == condition.type; });
    const bool unchanged = before != seen.changes.end() && before->status == condition.status;
    out.push_back({{"type", condition.type},
                   {"status", model::to_string(condition.status)},
                   {"reason", condition.reason},
                   {"message", bounded(condition.message)},
                   {"observedGeneration", meta.generation},
                   {"lastTransitionTime", format_rfc3339(unchanged ? before->changed : now)}});
  }
  return out;
}

void put_time(json& object, const char* field, const std::optional<TimePoint>& time) {
  if (time) object[field] = format_rfc3339(*time);
}

void put_text(json& object, const char* field, const std::string& text) {
  if (!text.empty()) object[field] = text;
}

json ports_json(const std::vector<model::PortSelection>& ports) {
  json out = json::array();
  for (const auto& port : ports) {
    json one = {{"port", port.range.first}, {"protocol", model::to_string(port.protocol)}};
    if (port.range.last != port.range.first) one["endPort"] = port.range.last;
    out.push_back(std::move(one));
  }
  return out;
}

// An object that is larger than etcd's 1.5 MiB cannot be written, and says nothing at all. This is
// what a policy's targets may take of it; spec, conditions and managed fields want theirs.
constexpr std::size_t most_targets = 256;
constexpr std::size_t targets_limit = 512u << 10;
constexpr std::size_t cuts_limit = 16u << 10;  ///< of one target

std::size_t size_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace).size() + 1;
}

json target_json(const model::PolicyStatus::Target& target) {
  json one = {{"resourceID", target.resource_id}, {"state", target.state}};
  put_text(one, "vmID", target.vm_id);
  put_text(one, "message", bounded(target.message));
  if (!target.addresses.empty()) one["addresses"] = texts_json(target.addresses, 64, 45);
  if (!target.groups.empty()) one["groups"] = texts_json(target.groups, 16, 512);
  std::size_t size = 0;
  for (const auto& cut : first_of(target.cut, 64)) {
    json entry = {{"port", cut.ports.first},
                  {"protocol", model::to_string(cut.protocol)},
                  {"sources", texts_json(cut.sources, 64, 128)},
                  {"rule", bounded_to(cut.rule, 256)}};
    if (cut.ports.last != cut.ports.first) entry["endPort"] = cut.ports.last;
    size += size_of(entry);
    if (size > cuts_limit) break;
    one["cut"].push_back(std::move(entry));
  }
  return one;
}

/// As many as there is room for, in their order: all that are not as wanted before any that is.
std::vector<json> shown_targets(const std::vector<model::PolicyStatus::Target>& all) {
  std::map<std::size_t, json> shown;
  std::size_t size = 0;
  for (const bool as_wanted : {false, true}) {
    for (std::size_t i = 0; i < all.size() && shown.size() < most_targets; ++i) {
      if (all[i].as_wanted != as_wanted) continue;
      json target = target_json(all[i]);
      size += size_of(target);
      if (size > targets_limit) break;
      shown.emplace(i, std::move(target));
    }
  }
  std::vector<json> out;
  out.reserve(shown.size());
  for (auto& [place, target] : shown) out.push_back(std::move(target));
  return out;
}

// Whatever the schema allows in a status: what is not written now must not stay from before.
constexpr std::array<std::string_view, 18> status_fields = {"observedGeneration",
                                                            "state",
                                                            "message",
                                                            "conditions",
                                                            "verdict",
                                                            "grantedAt",
                                                            "startsAt",
                                                            "expiresAt",
                                                            "openedAt",
                                                            "endedAt",
                                                            "closedAt",
                                                            "rules",
                                                            "targets",
                                                            "summary",
                                                            "activeGrants",
                                                            "slots",
                                                            "guards",
                                                            "targetsOmitted"};

}  // namespace

json to_json(const model::RequestStatus& status, const model::Meta& meta,
             const model::SeenStatus& seen, TimePoint now) {
  json out = {{"observedGeneration", meta.generation},
              {"state", status.state},
              {"message", bounded(status.message)},
              {"conditions", conditions_json(status.conditions, meta, seen, now)}};
  if (!status.verdict_name.empty()) {
    out["verdict"] = {{"name", status.verdict_name},
                      {"outcome", status.verdict_outcome},
                      {"reason", status.verdict_reason}};
  }
  put_time(out, "grantedAt", status.granted_at);
  put_time(out, "startsAt", status.starts_at);
  put_time(out, "expiresAt", status.expires_at);
  put_time(out, "openedAt", status.opened_at);
  put_time(out, "endedAt", status.ended_at);
  put_time(out, "closedAt", status.closed_at);
  for (const auto& rule : first_of(status.rules, 256)) {
    out["rules"].push_back(
        {{"group", rule.group}, {"name", rule.name}, {"priority", rule.priority}});
  }
  for (const auto& target : first_of(status.targets, 32)) {
    out["targets"].push_back(
        {{"resourceID", target.resource_id}, {"addresses", texts_json(target.addresses, 64, 45)}});
  }
  return out;
}

json to_json(const model::PolicyStatus& status, const model::Meta& meta,
             const model::SeenStatus& seen, TimePoint now) {
  json out = {{"observedGeneration", meta.generation},
              {"summary", status.summary},
              {"activeGrants", status.active_grants},
              {"conditions", conditions_json(status.conditions, meta, seen, now)}};
  const auto shown = shown_targets(status.targets);
  for (const json& target : shown) out["targets"].push_back(target);
  if (shown.size() < status.targets.size()) {
    out["targetsOmitted"] = status.targets.size() - shown.size();
  }
  return out;
}

json to_json(const model::AccountStatus& status, const model::Meta& meta,
             const model::SeenStatus& seen, TimePoint now) {
  return {{"observedGeneration", meta.generation},
          {"conditions", conditions_json(status.conditions, meta, seen, now)}};
}

json to_json(const model::VerdictStatus& status, const model::Meta& meta,
             const model::SeenStatus& seen, TimePoint now) {
  return {{"observedGeneration", meta.generation},
          {"conditions", conditions_json(status.conditions, meta, seen, now)}};
}

std::optional<json> status_patch(const json& status, const model::Meta& meta,
                                 const model::SeenStatus& seen) {
  if (status_hash(status) == seen.hash) return std::nullopt;
  json full = status;
  for (const std::string_view field : status_fields) {
    if (!full.contains(field)) full[std::string(field)] = nullptr;
  }
  return json{{"metadata", {{"resourceVersion", meta.resource_version}}}, {"status", full}};
}

json to_json(const model::AccessVerdict& verdict) {
  json spec = {{"by", verdict.by.get()},
               {"outcome", verdict.granted ? "Granted" : "Refused"},
               {"reason", verdict.reason.get()},
               {"message", bounded(verdict.message)},
               {"requestRef", {{"name", verdict.request_name}, {"uid", verdict.request_uid}}}};
  put_text(spec, "requester", verdict.requester);
  if (!verdict.policy_uid.empty()) {
    spec["policy"] = {{"name", verdict.policy_name.get()},
                      {"uid", verdict.policy_uid.get()},
                      {"generation", verdict.policy_generation}};
  }
  put_text(spec, "retainFor", verdict.retain_for);
  if (verdict.granted) {
    for (const auto& target : verdict.targets) {
      spec["targets"].push_back({{"resourceID", target.resource_id}, {"vmID", target.vm_id}});
    }
    spec["ports"] = ports_json(verdict.ports);
    for (const auto& source : verdict.sources) spec["sources"].push_back(to_string(source));
    spec["duration"] = format_duration(verdict.duration);
    put_time(spec, "startAt", verdict.start_at);
    // Nothing is prolonged yet: every grant begins a chain of its own.
    spec["chain"] = {
        {"first", verdict.request_uid},
        {"startedAt", format_rfc3339(verdict.start_at.value_or(verdict.meta.created))}};
  }
  return {{"apiVersion", std::string(group) + "/" + version},
          {"kind", "AccessVerdict"},
          {"metadata", {{"name", verdict.meta.name}, {"namespace", verdict.meta.ns}}},
          {"spec", spec}};
}

json end_patch(const model::AccessVerdict& verdict, const model::AccessVerdict::End& end) {
  json ended = {{"at", format_rfc3339(end.at)}, {"reason", end.reason.get()}};
  put_text(ended, "by", end.by);
  put_text(ended, "message", bounded(end.message));
  return {{"metadata", {{"resourceVersion", verdict.meta.resource_version}}},
          {"spec", {{"ended", ended}}}};
}

json add_finalizer_patch(const model::Meta& meta) {
  json patch = json::array({{{"op", "test"}, {"path", "/metadata/uid"}, {"value", meta.uid}}});
  if (meta.finalizers.empty()) {
    patch.push_back({{"op", "add"},
                     {"path", "/metadata/finalizers"},
                     {"value", json::array({model::finalizer})}});
    // Adding a list would replace one that appeared meanwhile.
    patch.push_back(
        {{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", meta.resource_version}});
  } else {
    patch.push_back(
        {{"op", "add"}, {"path", "/metadata/finalizers/-"}, {"value", model::finalizer}});
  }
  return patch;
}

json remove_finalizer_patch(const model::Meta& meta) {
  const auto place = std::ranges::find(meta.finalizers, model::finalizer);
  const std::string path =
      "/metadata/finalizers/" + std::to_string(place - meta.finalizers.begin());
  return json::array({{{"op", "test"}, {"path", "/metadata/uid"}, {"value", meta.uid}},
                      {{"op", "test"}, {"path", path}, {"value", model::finalizer}},
                      {{"op", "remove"}, {"path", path}}});
}

}  // namespace portcullis::api
