#include "base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace portcullis::log {
namespace {

Format format = Format::text;

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("portcullis",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// JSON's string escapes; a log line stays one line whatever a server put into a message.
std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
          out += c;
        }
    }
  }
  return out;
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

std::string as_text(std::string_view text, Fields fields) {
  std::string line = escape(text);
  for (const Field& field : fields) {
    const char* quote = needs_quotes(field.value) ? "\"" : "";
    line += fmt::format(" {}={}{}{}", field.key, quote, escape(field.value), quote);
  }
  return line;
}

std::string as_json(std::string_view text, Fields fields) {
  std::string line = fmt::format("\"msg\":\"{}\"", escape(text));
  for (const Field& field : fields) {
    line += fmt::format(",\"{}\":\"{}\"", field.key, escape(field.value));
  }
  return line;
}

}  // namespace

void configure(Level level, Format new_format) {
  format = new_format;
  logger().set_level(to_spdlog(level));
  if (format == Format::json) {
    logger().set_pattern(R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                         spdlog::pattern_time_type::utc);
  }
}

void write(Level level, std::string_view text, Fields fields) {
  const auto spd = to_spdlog(level);
  if (!logger().should_log(spd)) return;
  logger().log(spd, "{}", format == Format::json ? as_json(text, fields) : as_text(text, fields));
}

}  // namespace portcullis::log
