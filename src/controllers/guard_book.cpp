#include "controllers/guard_book.hpp"

#include <algorithm>

#include "api/decode.hpp"
#include "controllers/guard_spec.hpp"
#include "plan/stable_hash.hpp"

namespace portcullis::controllers {
namespace {

using nlohmann::json;

std::string_view text_of(simdjson::dom::element object, const char* field) {
  std::string_view text;
  return object[field].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

TimePoint time_of(simdjson::dom::element object, const char* field) {
  return parse_rfc3339(text_of(object, field)).value_or(TimePoint{});
}

/// Of the object itself; what the server's own controller writes into its status says nothing.
TimePoint newest_edit(simdjson::dom::element metadata) {
  TimePoint newest{};
  simdjson::dom::array entries;
  if (metadata["managedFields"].get(entries) != simdjson::SUCCESS) return newest;
  for (const simdjson::dom::element entry : entries) {
    if (!text_of(entry, "subresource").empty()) continue;
    newest = std::max(newest, time_of(entry, "time"));
  }
  return newest;
}

}  // namespace

SeenGuard GuardBook::read(GuardKind kind, simdjson::dom::element object) const {
  SeenGuard seen{.name = api::key_of(object)};
  const auto shipped = shipped_.find({kind, seen.name});
  if (shipped == shipped_.end()) return seen;
  seen.ours = true;
  if (simdjson::dom::element metadata; object["metadata"].get(metadata) == simdjson::SUCCESS) {
    seen.uid = text_of(metadata, "uid");
    if (metadata["generation"].get(seen.generation) != simdjson::SUCCESS) seen.generation = 0;
    seen.written = std::max(time_of(metadata, "creationTimestamp"), newest_edit(metadata));
  }
  simdjson::dom::element spec;
  if (object["spec"].get(spec) != simdjson::SUCCESS) {
    seen.difference = "spec was removed";
    return seen;
  }
  const json value = json::parse(simdjson::minify(spec), nullptr, false);
  seen.difference = find_difference(shipped->second, value);
  return seen;
}

std::optional<std::string> GuardBook::find_problem(const Look& look, bool mutating) const {
  for (const auto& [name, spec] : shipped_) {
    if (is_mutating(name.kind) && !mutating) continue;
    const SeenGuard* const seen = look(name);
    if (seen == nullptr) return to_text(name) + " does not exist";
    if (seen->difference) return to_text(name) + ": " + *seen->difference;
  }
  return std::nullopt;
}

GuardBook::Change GuardBook::remember(const Look& look, bool mutating) {
  Change change{.first = known_.empty()};
  for (const auto& [name, spec] : shipped_) {
    if (is_mutating(name.kind) && !mutating) continue;
    const SeenGuard* const seen = look(name);
    if (seen == nullptr) continue;
    change.written = std::max(change.written, seen->written);
    change.original = change.original && seen->generation == 1;
    const auto [known, is_new] = known_.try_emplace(name, Known{seen->uid, seen->generation});
    const bool replaced = known->second.uid != seen->uid;
    if (!is_new && !replaced && known->second.generation >= seen->generation) continue;
    known->second = {seen->uid, seen->generation};
    change.edited = change.edited || !change.first;
  }
  return change;
}

std::string GuardBook::fingerprint() const {
  std::string all;
  for (const auto& [name, known] : known_) {
    all += to_text(name) + " " + known.uid + " " + std::to_string(known.generation) + "\n";
  }
  return plan::stable_name(all, 25);
}

}  // namespace portcullis::controllers
