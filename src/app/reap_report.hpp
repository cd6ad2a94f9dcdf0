#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "plan/reap.hpp"

namespace portcullis::app {

enum class ReapOutcome {
  removed,       ///< gone: the group was read again and does not have it
  inert,         ///< may not be removed, lets nobody in: read again
  would_remove,  ///< a dry run
  left,          ///< was to go, and stands or may stand
  doubtful,      ///< the clocks do not agree that it is over
  unreadable,    ///< cannot be told what it is
  kept,          ///< was not asked for
};

const char* to_string(ReapOutcome outcome);

/// What became of one rule.
struct ReapLine {
  std::string group;  ///< ARM id
  plan::ReapItem item;
  ReapOutcome outcome = ReapOutcome::left;
  std::string detail{};
};

struct ReapReport {
  std::string subscription{};
  std::vector<std::string> resource_groups{};  ///< asked for; none: all
  std::size_t groups = 0;                      ///< security groups that were read
  bool listed = false;
  bool credential_refused = false;
  bool dry_run = false;
  std::vector<ReapLine> lines{};
  std::vector<std::string> problems{};  ///< why the answer is not the whole truth, a sentence each
};

/// Of `exit_code`: the worst that holds.
int exit_code_of(const ReapReport& report);

/// Whether the line is worth a line of text: locks that nobody asked for are only counted.
bool is_told(const ReapLine& line);

std::string to_text(const ReapLine& line);

/// Scope, counts, problems, and as last line what it comes to.
std::string summary_of(const ReapReport& report);

nlohmann::json to_json(const ReapReport& report);

}  // namespace portcullis::app
