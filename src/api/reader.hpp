#pragma once

#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "model/prefix.hpp"

namespace portcullis::api {

/// A field that is not as it must be. Thrown and caught inside api/: no exception leaves it.
class BadField : public std::runtime_error {
 public:
  BadField(std::string_view path, std::string_view why)
      : std::runtime_error(std::string(path) + ": " + std::string(why)) {}
};

/// A JSON object with the path that leads to it, so that an error can name the field. Absent and
/// null are the same thing.
class Reader {
 public:
  Reader(simdjson::dom::element element, std::string path)
      : element_(element), path_(std::move(path)) {}

  bool has(std::string_view field) const;
  std::string text(std::string_view field) const;  ///< required
  std::string text_or(std::string_view field, std::string_view fallback) const;
  std::int64_t integer(std::string_view field) const;
  std::int64_t integer_or(std::string_view field, std::int64_t fallback) const;
  bool flag_or(std::string_view field, bool fallback) const;
  Duration duration(std::string_view field) const;
  Duration duration_or(std::string_view field, Duration fallback) const;
  TimePoint time(std::string_view field) const;
  std::optional<TimePoint> time_if(std::string_view field) const;
  std::vector<std::string> texts(std::string_view field) const;  ///< absent: empty
  std::vector<model::Prefix> prefixes(std::string_view field) const;
  /// A list that is there and empty reads like "nobody", where none at all means `absent`.
  void refuse_empty(std::string_view field, std::string_view absent) const;

  Reader object(std::string_view field) const;  ///< required
  std::optional<Reader> object_if(std::string_view field) const;
  void each(std::string_view field, const std::function<void(Reader)>& visit) const;
  void each_member(
      std::string_view field,
      const std::function<void(std::string_view, simdjson::dom::element)>& visit) const;

  [[noreturn]] void reject(std::string_view field, std::string_view why) const;
  const std::string& path() const { return path_; }
  simdjson::dom::element element() const { return element_; }

 private:
  std::optional<simdjson::dom::element> find(std::string_view field) const;

  simdjson::dom::element element_;
  std::string path_;
};

}  // namespace portcullis::api
