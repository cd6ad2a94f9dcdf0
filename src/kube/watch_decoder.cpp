#include "kube/watch_decoder.hpp"

#include <fmt/format.h>

namespace portcullis::kube {
namespace {

constexpr std::size_t depth_limit = 128;
constexpr std::size_t first_capacity = 64u << 10;

WatchEvent::Type type_of(std::string_view text) {
  using Type = WatchEvent::Type;
  if (text == "ADDED") return Type::added;
  if (text == "MODIFIED") return Type::modified;
  if (text == "DELETED") return Type::deleted;
  if (text == "BOOKMARK") return Type::bookmark;
  if (text == "ERROR") return Type::error;
  return Type::unknown;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

template <typename Parent>
std::string_view text_at(const Parent& parent, std::string_view key) {
  std::string_view text;
  return parent[key].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

}  // namespace

simdjson::dom::parser make_bounded_parser() {
  simdjson::dom::parser parser;
  // Fails only without memory; `parse` then grows it again with the depth that stands here.
  static_cast<void>(parser.allocate(first_capacity, depth_limit));
  return parser;
}

WatchDecoder::WatchDecoder(std::size_t line_limit)
    : line_limit_(line_limit), parser_(make_bounded_parser()) {}

void WatchDecoder::feed(std::string_view bytes) {
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = scanned_ = 0;
  } else if (start_ > buffer_.size() / 2) {
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<std::string_view> WatchDecoder::take_line() {
  const auto end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    return std::nullopt;
  }
  const std::string_view line = std::string_view(buffer_).substr(start_, end - start_);
  start_ = scanned_ = end + 1;
  return line;
}

Result<std::optional<WatchEvent>> WatchDecoder::next() {
  // The parser may read (not use) some bytes past the line: they must be ours.
  if (buffer_.capacity() < buffer_.size() + simdjson::SIMDJSON_PADDING) {
    buffer_.reserve(buffer_.size() + simdjson::SIMDJSON_PADDING);
  }
  auto line = take_line();
  while (line && is_blank(*line)) line = take_line();
  if ((line ? line->size() : buffer_.size() - start_) > line_limit_) {
    return fail(Error::Kind::malformed,
                fmt::format("an event of the watch is longer than {} bytes", line_limit_));
  }
  if (!line) return std::nullopt;
  WatchEvent event;
  simdjson::dom::element root;
  if (const auto error = parser_.parse(line->data(), line->size(), false).get(root)) {
    return fail(Error::Kind::malformed,
                fmt::format("a line of the watch is not JSON: {}", simdjson::error_message(error)));
  }
  simdjson::dom::object object;
  if (root["type"].get(event.type_text) != simdjson::SUCCESS ||
      root["object"].get(event.object) != simdjson::SUCCESS ||
      event.object.get(object) != simdjson::SUCCESS) {
    return fail(Error::Kind::malformed, "a line of the watch is not an event");
  }
  event.type = type_of(event.type_text);
  return event;
}

ObjectHead head_of(simdjson::dom::element object) {
  ObjectHead head{.api_version = text_at(object, "apiVersion"), .kind = text_at(object, "kind")};
  simdjson::dom::object metadata;
  if (object["metadata"].get(metadata) != simdjson::SUCCESS) return head;
  head.ns = text_at(metadata, "namespace");
  head.name = text_at(metadata, "name");
  head.resource_version = text_at(metadata, "resourceVersion");
  simdjson::dom::object annotations;
  if (metadata["annotations"].get(annotations) == simdjson::SUCCESS) {
    head.initial_events_end = text_at(annotations, "k8s.io/initial-events-end") == "true";
  }
  return head;
}

}  // namespace portcullis::kube
