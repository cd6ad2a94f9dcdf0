#include "controllers/guard_spec.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace portcullis::controllers {
namespace {

using nlohmann::json;

/// Longer values are not repeated in a condition's message.
constexpr std::size_t longest_shown = 60;

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> defaults = {
    {{"matchPolicy", "Equivalent"}, {"failurePolicy", "Fail"}, {"scope", "*"}}};

bool has_no_effect(const std::string& field, const json& value) {
  if (value.is_object()) {
    return std::ranges::all_of(
        value.items(), [](const auto& entry) { return has_no_effect(entry.key(), entry.value()); });
  }
  if (value.is_null() || (value.is_array() && value.empty())) return true;
  return value.is_string() && std::ranges::any_of(defaults, [&](const auto& each) {
           return field == each.first && value.get_ref<const std::string&>() == each.second;
         });
}

std::string one_space(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string changed(const std::string& path, const json& shipped, const json& seen) {
  const auto text = [](const json& value) {
    return value.dump(-1, ' ', true, json::error_handler_t::replace);
  };
  const std::string is = text(seen);
  const std::string was = text(shipped);
  if (is.size() > longest_shown || was.size() > longest_shown) return path + " was changed";
  return path + " is " + is + " instead of " + was;
}

std::optional<std::string> compare(const std::string& path, const json& shipped, const json& seen);

std::optional<std::string> compare_objects(const std::string& path, const json& shipped,
                                           const json& seen) {
  for (const auto& [field, value] : shipped.items()) {
    const std::string below = path + "." + field;
    const auto found = seen.find(field);
    if (found == seen.end()) return below + " was removed";
    if (auto difference = compare(below, value, *found)) return difference;
  }
  for (const auto& [field, value] : seen.items()) {
    if (!shipped.contains(field) && !has_no_effect(field, value)) {
      return path + "." + field.substr(0, longest_shown) + " was added";
    }
  }
  return std::nullopt;
}

std::optional<std::string> compare_lists(const std::string& path, const json& shipped,
                                         const json& seen) {
  const bool of_texts = std::ranges::none_of(shipped, &json::is_structured);
  if (shipped.size() != seen.size()) {
    if (of_texts) return changed(path, shipped, seen);
    return path + " has " + std::to_string(seen.size()) + " entries instead of " +
           std::to_string(shipped.size());
  }
  for (std::size_t i = 0; i < shipped.size(); ++i) {
    const auto difference =
        compare(path + "[" + std::to_string(i) + "]", shipped.at(i), seen.at(i));
    if (difference) return of_texts ? changed(path, shipped, seen) : difference;
  }
  return std::nullopt;
}

std::optional<std::string> compare(const std::string& path, const json& shipped, const json& seen) {
  if (shipped.is_object() && seen.is_object()) return compare_objects(path, shipped, seen);
  if (shipped.is_array() && seen.is_array()) return compare_lists(path, shipped, seen);
  const bool same = shipped.is_string() && seen.is_string()
                        ? one_space(shipped.get_ref<const std::string&>()) ==
                              one_space(seen.get_ref<const std::string&>())
                        : shipped == seen;
  if (same) return std::nullopt;
  return changed(path, shipped, seen);
}

}  // namespace

std::optional<std::string> find_difference(const json& shipped, const json& seen) {
  return compare("spec", shipped, seen);
}

}  // namespace portcullis::controllers
