#include "cloud/json.hpp"

#include <algorithm>
#include <vector>

namespace portcullis::cloud::json {
namespace {

constexpr std::size_t deepest = 64;

bool names_twice(Element element) {
  if (Array items; element.get(items) == simdjson::SUCCESS) {
    return std::any_of(items.begin(), items.end(), names_twice);
  }
  Object members;
  if (element.get(members) != simdjson::SUCCESS) return false;
  std::vector<std::string_view> names;
  for (const auto& [name, value] : members) {
    names.push_back(name);
    if (names_twice(value)) return true;
  }
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

}  // namespace

Result<Document> Document::parse(const std::string& body) {
  if (body.empty()) return fail(Error::Kind::malformed, "the answer is empty");
  Document document;
  document.parser_ = std::make_unique<simdjson::dom::parser>();
  auto failure = document.parser_->allocate(body.size(), deepest);
  if (failure == simdjson::SUCCESS) failure = document.parser_->parse(body).get(document.root_);
  if (failure != simdjson::SUCCESS) {
    return fail(Error::Kind::malformed,
                std::string("the answer is no JSON: ") + simdjson::error_message(failure));
  }
  if (names_twice(document.root_)) {
    return fail(Error::Kind::malformed, "the answer names a member twice");
  }
  return document;
}

std::optional<Element> member(Element from, std::string_view name) {
  Element found;
  if (from.at_key(name).get(found) != simdjson::SUCCESS || found.is_null()) return std::nullopt;
  return found;
}

std::optional<std::string_view> text(Element from, std::string_view name) {
  const auto found = member(from, name);
  std::string_view value;
  if (!found || found->get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<Array> array(Element from, std::string_view name) {
  const auto found = member(from, name);
  Array value;
  if (!found || found->get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<std::string> reference(Element from, std::string_view name) {
  const auto found = member(from, name);
  if (!found) return std::nullopt;
  return std::string(text(*found, "id").value_or(""));
}

}  // namespace portcullis::cloud::json
