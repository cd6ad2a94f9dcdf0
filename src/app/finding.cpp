#include "app/finding.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace portcullis::app {
namespace {

/// What servers say may hold line breaks.
std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

auto count(const Findings& findings, Finding::Level level) {
  return std::ranges::count(findings, level, &Finding::level);
}

}  // namespace

Finding ok(std::string subject, std::string message) {
  return {
      .level = Finding::Level::ok, .subject = std::move(subject), .message = std::move(message)};
}

Finding warn(std::string subject, std::string message, std::string mend) {
  return {.level = Finding::Level::warn,
          .subject = std::move(subject),
          .message = std::move(message),
          .mend = std::move(mend)};
}

Finding failed(std::string subject, std::string message, std::string mend) {
  return {.level = Finding::Level::fail,
          .subject = std::move(subject),
          .message = std::move(message),
          .mend = std::move(mend)};
}

Finding not_checked(std::string subject, std::string why, std::string mend) {
  return warn(std::move(subject), "not checked: " + why, std::move(mend));
}

const char* to_string(Finding::Level level) {
  switch (level) {
    case Finding::Level::ok:
      return "ok";
    case Finding::Level::warn:
      return "warn";
    case Finding::Level::fail:
      return "FAIL";
  }
  return "?";
}

std::string to_text(const Finding& finding) {
  const std::string mend = finding.mend.empty() ? "" : " -> " + finding.mend;
  return one_line(fmt::format("{:<5} {}: {}{}", to_string(finding.level), finding.subject,
                              finding.message, mend));
}

std::string summary_of(const Findings& findings) {
  return fmt::format("{} FAIL, {} warn, {} ok", count(findings, Finding::Level::fail),
                     count(findings, Finding::Level::warn), count(findings, Finding::Level::ok));
}

bool any_failed(const Findings& findings) { return count(findings, Finding::Level::fail) > 0; }

nlohmann::json to_json(const Findings& findings) {
  nlohmann::json list = nlohmann::json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"level", to_string(finding.level)},
                    {"subject", finding.subject},
                    {"message", one_line(finding.message)},
                    {"mend", finding.mend}});
  }
  return {{"findings", std::move(list)}, {"ok", !any_failed(findings)}};
}

}  // namespace portcullis::app
