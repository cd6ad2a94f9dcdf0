#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace portcullis::app {

/// One line of `portcullis check`.
struct Finding {
  enum class Level { ok, warn, fail };
  Level level = Level::ok;
  std::string subject{};  ///< "rights", "account prod"
  std::string message{};
  std::string mend{};  ///< what to do; empty where nothing is wrong

  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

Finding ok(std::string subject, std::string message);
Finding warn(std::string subject, std::string message, std::string mend);
Finding failed(std::string subject, std::string message, std::string mend);
/// A warning: what would have to be right to look.
Finding not_checked(std::string subject, std::string why, std::string mend);

const char* to_string(Finding::Level level);

/// "FAIL  rights: may not ... -> kubectl ...": always one line.
std::string to_text(const Finding& finding);

/// "2 FAIL, 1 warn, 9 ok"
std::string summary_of(const Findings& findings);

bool any_failed(const Findings& findings);

nlohmann::json to_json(const Findings& findings);

}  // namespace portcullis::app
