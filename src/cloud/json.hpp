#pragma once

#include <simdjson.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portcullis::cloud::json {

using Element = simdjson::dom::element;
using Object = simdjson::dom::object;
using Array = simdjson::dom::array;

/// A parsed body. Its elements live as long as it does.
class Document {
 public:
  /// `malformed` for what is no JSON, is nested deeper than 64, or names a member twice in one
  /// object (two readers could understand two things).
  static Result<Document> parse(const std::string& body);

  Element root() const { return root_; }

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
  Element root_;
};

/// The member, or nothing if `from` is no object, has none of that name, or has null there.
std::optional<Element> member(Element from, std::string_view name);

/// Likewise, and nothing if it is of another type.
std::optional<std::string_view> text(Element from, std::string_view name);
std::optional<Array> array(Element from, std::string_view name);

/// What ARM calls a sub-resource: {"id": "…"}. Nothing if the member is absent or null; an empty
/// text if it is there without a readable id.
std::optional<std::string> reference(Element from, std::string_view name);

}  // namespace portcullis::cloud::json
