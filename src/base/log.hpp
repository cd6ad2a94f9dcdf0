#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace portcullis::log {

enum class Level { debug, info, warning, error };
enum class Format { text, json };

/// One `key=value` of a line. Values are text; quoting is the sink's work.
struct Field {
  template <typename T>
  Field(std::string_view field_key, const T& field_value) : key(field_key) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      value = std::string(std::string_view(field_value));
    } else {
      value = fmt::to_string(field_value);
    }
  }

  std::string_view key;
  std::string value;
};

using Fields = std::initializer_list<Field>;

/// Before the first line; the default is text at `info`, on standard error.
void configure(Level level, Format format);

/// A constant text and its fields, one line. Never a secret: those have type Secret and do not fit.
void write(Level level, std::string_view text, Fields fields = {});

inline void debug(std::string_view text, Fields fields = {}) { write(Level::debug, text, fields); }
inline void info(std::string_view text, Fields fields = {}) { write(Level::info, text, fields); }
inline void warning(std::string_view text, Fields fields = {}) {
  write(Level::warning, text, fields);
}
inline void error(std::string_view text, Fields fields = {}) { write(Level::error, text, fields); }

}  // namespace portcullis::log
