#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portcullis::kube {

struct WatchEvent {
  enum class Type { added, modified, deleted, bookmark, error, unknown };

  Type type = Type::unknown;
  std::string_view type_text;     ///< as the server wrote it
  simdjson::dom::element object;  ///< of the event; a JSON object
};

/// Cuts the body of a watch into events: JSON objects, one a line, however the bytes were split on
/// their way. Parses in place; an event is valid until the next call. A line that is longer than
/// 16 MiB, deeper than 128 levels, or no event is `malformed`; nothing after it may be trusted.
class WatchDecoder {
 public:
  explicit WatchDecoder(std::size_t line_limit = 16u << 20);

  void feed(std::string_view bytes);

  /// Nothing: more bytes are needed.
  Result<std::optional<WatchEvent>> next();

  /// Whether bytes of an unfinished line wait: the stream must not end here.
  bool in_line() const { return start_ != buffer_.size(); }

 private:
  std::optional<std::string_view> take_line();

  std::size_t line_limit_;
  std::string buffer_;
  std::size_t start_ = 0;    ///< of the line that is next
  std::size_t scanned_ = 0;  ///< no line end before this
  simdjson::dom::parser parser_;
};

/// What events and list items say of themselves; empty parts are absent.
struct ObjectHead {
  std::string_view api_version{};
  std::string_view kind{};
  std::string_view ns{};
  std::string_view name{};
  std::string_view resource_version{};
  bool initial_events_end = false;  ///< the annotation of the bookmark that ends a streaming list
};

ObjectHead head_of(simdjson::dom::element object);

/// A parser that refuses what is nested deeper than 128 levels.
simdjson::dom::parser make_bounded_parser();

}  // namespace portcullis::kube
