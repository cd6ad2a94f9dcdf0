#include "app/reap_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "app/flags.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_shape.hpp"

namespace portcullis::app {
namespace {

/// "net/nsg-1"
std::string short_group(const std::string& id) {
  const auto parsed = model::parse_resource_id(id);
  return parsed ? parsed->resource_group + "/" + parsed->name : id;
}

std::string kind_of(const ReapLine& line) {
  return line.item.mark ? plan::to_string(line.item.mark->kind) : "unknown";
}

std::string until_of(const ReapLine& line) {
  const bool has_end = line.item.mark && line.item.mark->until;
  return has_end ? format_rfc3339(*line.item.mark->until) : "";
}

std::map<ReapOutcome, int> count(const ReapReport& report) {
  std::map<ReapOutcome, int> counts;
  for (const ReapLine& line : report.lines) ++counts[line.outcome];
  return counts;
}

/// One whose end nobody can read may be overdue, if it lets anybody in.
bool is_open_question(const ReapLine& line) {
  return line.outcome == ReapOutcome::doubtful ||
         (line.outcome == ReapOutcome::unreadable && plan::lets_in(line.item.rule));
}

std::string scope_of(const ReapReport& report) {
  if (!report.listed)
    return fmt::format("nothing was read in subscription {}", report.subscription);
  std::string where =
      report.resource_groups.empty()
          ? "whatever this credential sees"
          : fmt::format("resource groups {}", fmt::join(report.resource_groups, ", "));
  return fmt::format("read {} security group{} in subscription {} ({})", report.groups,
                     report.groups == 1 ? "" : "s", report.subscription, where);
}

std::string verdict_of(const ReapReport& report) {
  switch (exit_code_of(report)) {
    case exit_code::ok:
      return "nothing overdue is left in what was read";
    case exit_code::refused:
      return "the cloud refuses the credential: nothing was done";
    case exit_code::left:
      return report.dry_run ? "a dry run: nothing was changed" : "NOT DONE: see the lines \"left\"";
    default:
      return "NOT SURE: whether something overdue is left cannot be told";
  }
}

}  // namespace

const char* to_string(ReapOutcome outcome) {
  switch (outcome) {
    case ReapOutcome::removed:
      return "removed";
    case ReapOutcome::inert:
      return "inert";
    case ReapOutcome::would_remove:
      return "would-remove";
    case ReapOutcome::left:
      return "left";
    case ReapOutcome::doubtful:
      return "doubtful";
    case ReapOutcome::unreadable:
      return "unreadable";
    case ReapOutcome::kept:
      return "kept";
  }
  return "?";
}

int exit_code_of(const ReapReport& report) {
  if (report.credential_refused) return exit_code::refused;
  const auto stands = [](const ReapLine& line) {
    return line.outcome == ReapOutcome::left || line.outcome == ReapOutcome::would_remove;
  };
  if (std::ranges::any_of(report.lines, stands)) return exit_code::left;
  const bool whole = report.listed && report.problems.empty() &&
                     std::ranges::none_of(report.lines, is_open_question);
  return whole ? exit_code::ok : exit_code::unknown;
}

bool is_told(const ReapLine& line) {
  const auto& mark = line.item.mark;
  const bool of_a_lock =
      mark && (mark->kind == plan::RuleKind::lock || mark->kind == plan::RuleKind::keep);
  return !(of_a_lock && line.outcome == ReapOutcome::kept);
}

std::string to_text(const ReapLine& line) {
  const std::string until = until_of(line);
  return fmt::format("{:<12} {} {}{}{}: {}", to_string(line.outcome), short_group(line.group),
                     line.item.rule.name, until.empty() ? "" : " until ", until, line.detail);
}

std::string summary_of(const ReapReport& report) {
  std::string text = scope_of(report) + "\n";
  for (const std::string& problem : report.problems) text += problem + "\n";
  std::vector<std::string> parts;
  for (const auto& [outcome, number] : count(report)) {
    parts.push_back(fmt::format("{} {}", number, to_string(outcome)));
  }
  const auto quiet = std::ranges::count_if(report.lines, std::not_fn(is_told));
  std::string counts =
      parts.empty() ? "no rule of Portcullis" : fmt::format("{}", fmt::join(parts, ", "));
  if (quiet > 0) counts += fmt::format(" ({} of these locks and exceptions)", quiet);
  return text + counts + "; " + verdict_of(report) + "\n";
}

nlohmann::json to_json(const ReapReport& report) {
  using nlohmann::json;
  json rules = json::array();
  for (const ReapLine& line : report.lines) {
    const std::string until = until_of(line);
    rules.push_back({{"securityGroup", line.group},
                     {"rule", line.item.rule.name},
                     {"instance", line.item.instance},
                     {"kind", kind_of(line)},
                     {"until", until.empty() ? json() : json(until)},
                     {"outcome", to_string(line.outcome)},
                     {"detail", line.detail}});
  }
  json counts = json::object();
  for (const auto& [outcome, number] : count(report)) counts[to_string(outcome)] = number;
  return {
      {"subscription", report.subscription},
      {"resourceGroups", report.resource_groups.empty() ? json() : json(report.resource_groups)},
      {"securityGroupsRead", report.groups},
      {"dryRun", report.dry_run},
      {"rules", std::move(rules)},
      {"counts", std::move(counts)},
      {"problems", report.problems},
      {"conclusion", verdict_of(report)},
      {"exitCode", exit_code_of(report)}};
}

}  // namespace portcullis::app
