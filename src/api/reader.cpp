#include "api/reader.hpp"

namespace portcullis::api {

std::optional<simdjson::dom::element> Reader::find(std::string_view field) const {
  simdjson::dom::object object;
  if (element_.get(object) != simdjson::SUCCESS) throw BadField(path_, "must be an object");
  simdjson::dom::element value;
  if (object.at_key(field).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

void Reader::reject(std::string_view field, std::string_view why) const {
  throw BadField(path_.empty() ? std::string(field) : path_ + "." + std::string(field), why);
}

bool Reader::has(std::string_view field) const { return find(field).has_value(); }

std::string Reader::text(std::string_view field) const {
  const auto value = find(field);
  std::string_view text;
  if (!value) reject(field, "is missing");
  if (value->get(text) != simdjson::SUCCESS) reject(field, "must be a string");
  return std::string(text);
}

std::string Reader::text_or(std::string_view field, std::string_view fallback) const {
  return has(field) ? text(field) : std::string(fallback);
}

std::int64_t Reader::integer(std::string_view field) const {
  const auto value = find(field);
  std::int64_t number = 0;
  if (!value) reject(field, "is missing");
  if (value->get(number) != simdjson::SUCCESS) reject(field, "must be an integer");
  return number;
}

std::int64_t Reader::integer_or(std::string_view field, std::int64_t fallback) const {
  return has(field) ? integer(field) : fallback;
}

bool Reader::flag_or(std::string_view field, bool fallback) const {
  const auto value = find(field);
  if (!value) return fallback;
  bool flag = false;
  if (value->get(flag) != simdjson::SUCCESS) reject(field, "must be true or false");
  return flag;
}

Duration Reader::duration(std::string_view field) const {
  const auto parsed = parse_duration(text(field));
  if (!parsed) reject(field, "is no duration such as 45m");
  return *parsed;
}

Duration Reader::duration_or(std::string_view field, Duration fallback) const {
  return has(field) ? duration(field) : fallback;
}

TimePoint Reader::time(std::string_view field) const {
  const auto parsed = parse_rfc3339(text(field));
  if (!parsed) reject(field, "is no RFC 3339 time");
  return *parsed;
}

std::optional<TimePoint> Reader::time_if(std::string_view field) const {
  if (!has(field)) return std::nullopt;
  return time(field);
}

std::vector<std::string> Reader::texts(std::string_view field) const {
  std::vector<std::string> out;
  const auto value = find(field);
  if (!value) return out;
  simdjson::dom::array array;
  if (value->get(array) != simdjson::SUCCESS) reject(field, "must be a list");
  for (const simdjson::dom::element item : array) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) reject(field, "must be a list of strings");
    out.emplace_back(text);
  }
  return out;
}

void Reader::refuse_empty(std::string_view field, std::string_view absent) const {
  if (!has(field) || !texts(field).empty()) return;
  reject(field, "is empty: name at least one, or leave it out, which means " + std::string(absent));
}

std::vector<model::Prefix> Reader::prefixes(std::string_view field) const {
  std::vector<model::Prefix> out;
  for (const std::string& text : texts(field)) {
    const auto prefix = model::parse_prefix(text);
    if (!prefix) reject(field, "has \"" + text + "\", which is no prefix");
    out.push_back(*prefix);
  }
  return out;
}

Reader Reader::object(std::string_view field) const {
  auto found = object_if(field);
  if (!found) reject(field, "is missing");
  return *found;
}

std::optional<Reader> Reader::object_if(std::string_view field) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  if (!value->is_object()) reject(field, "must be an object");
  return Reader(*value, path_.empty() ? std::string(field) : path_ + "." + std::string(field));
}

void Reader::each(std::string_view field, const std::function<void(Reader)>& visit) const {
  const auto value = find(field);
  if (!value) return;
  simdjson::dom::array array;
  if (value->get(array) != simdjson::SUCCESS) reject(field, "must be a list");
  std::size_t index = 0;
  for (const simdjson::dom::element item : array) {
    visit(Reader(item, path_ + "." + std::string(field) + "[" + std::to_string(index++) + "]"));
  }
}

void Reader::each_member(
    std::string_view field,
    const std::function<void(std::string_view, simdjson::dom::element)>& visit) const {
  const auto value = find(field);
  if (!value) return;
  simdjson::dom::object object;
  if (value->get(object) != simdjson::SUCCESS) reject(field, "must be an object");
  for (const auto [key, member] : object) visit(key, member);
}

}  // namespace portcullis::api
