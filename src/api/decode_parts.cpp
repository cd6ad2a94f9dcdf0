#include "api/decode_parts.hpp"

#include <limits>

#include "api/status_hash.hpp"
#include "model/condition_types.hpp"

namespace portcullis::api {
namespace {

model::Truth read_truth(const Reader& condition) {
  const std::string text = condition.text("status");
  if (text == "True") return model::Truth::yes;
  if (text == "False") return model::Truth::no;
  return model::Truth::unknown;
}

std::uint16_t read_port(const Reader& object, std::string_view field) {
  const auto number = object.integer(field);
  if (number < 1 || number > std::numeric_limits<std::uint16_t>::max()) {
    object.reject(field, "must be 1 to 65535, is " + std::to_string(number));
  }
  return static_cast<std::uint16_t>(number);
}

}  // namespace

model::Meta read_meta(const Reader& object) {
  const Reader meta = object.object("metadata");
  return {.ns = meta.text_or("namespace", ""),
          .name = meta.text("name"),
          .uid = meta.text("uid"),
          .resource_version = meta.text("resourceVersion"),
          .generation = meta.integer_or("generation", 0),
          .created = meta.time("creationTimestamp"),
          .deleting = meta.has("deletionTimestamp"),
          .finalizers = meta.texts("finalizers")};
}

model::SeenStatus read_status(const Reader& object) {
  model::SeenStatus seen;
  try {
    const auto status = object.object_if("status");
    if (!status) return seen;
    const auto json = nlohmann::json::parse(simdjson::minify(status->element()));
    seen.hash = status_hash(json);
    seen.state = status->text_or("state", "");
    seen.opened_at = status->time_if("openedAt");
    seen.closed_at = status->time_if("closedAt");
    status->each("conditions", [&](const Reader& condition) {
      seen.changes.push_back({.type = condition.text("type"),
                              .status = read_truth(condition),
                              .changed = condition.time("lastTransitionTime")});
      const bool yes = read_truth(condition) == model::Truth::yes;
      if (!yes || condition.text("type") != model::condition_type::drifted) return;
      seen.drift = {.reason = condition.text("reason"),
                    .message = condition.text_or("message", "")};
    });
    seen.changes.shrink_to_fit();
  } catch (const BadField&) {
    // Kept as far as it could be read; the hash differs from any we write, so it is written anew.
    seen.hash = 0;
  }
  return seen;
}

model::PortRange read_range(const Reader& object) {
  model::PortRange range;
  range.first = read_port(object, "port");
  range.last = object.has("endPort") ? read_port(object, "endPort") : range.first;
  if (range.last < range.first) object.reject("endPort", "is below port");
  return range;
}

model::Protocol read_protocol(const Reader& object, std::string_view fallback) {
  const std::string text = object.text_or("protocol", fallback);
  if (text == "TCP") return model::Protocol::tcp;
  if (text == "UDP") return model::Protocol::udp;
  if (text == "Any") return model::Protocol::any;
  object.reject("protocol", "must be TCP, UDP or Any, is " + text);
}

std::vector<model::PortSelection> read_selections(const Reader& spec) {
  std::vector<model::PortSelection> out;
  spec.each("ports", [&](const Reader& port) {
    out.push_back({.range = read_range(port), .protocol = read_protocol(port, "TCP")});
  });
  return out;
}

model::Identity read_identity(const Reader& object) {
  model::Identity identity{.username = object.text_or("username", ""),
                           .uid = object.text_or("uid", ""),
                           .groups = object.texts("groups")};
  object.each_member("extra", [&](std::string_view key, simdjson::dom::element value) {
    simdjson::dom::array values;
    if (value.get(values) != simdjson::SUCCESS) object.reject("extra", "must map text to lists");
    auto& out = identity.extra[std::string(key)];
    for (const simdjson::dom::element item : values) {
      std::string_view text;
      if (item.get(text) != simdjson::SUCCESS) object.reject("extra", "must hold strings");
      out.emplace_back(text);
    }
  });
  return identity;
}

}  // namespace portcullis::api
