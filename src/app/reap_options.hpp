#pragma once

#include <string>
#include <vector>

#include "app/flags.hpp"
#include "base/time.hpp"

namespace portcullis::app {

/// The flags of `portcullis reap`.
struct ReapOptions {
  AzureFlags azure{};
  LogFlags log{.level = log::Level::warning};
  std::string subscription{};
  std::string tenant{};
  std::string credential = "workload-identity";
  std::string environment = "AzurePublic";
  std::vector<std::string> resource_groups{};  ///< none: the whole subscription
  std::string instance{};
  bool all = false;
  bool locks = false;
  bool dry_run = false;
  Output output = Output::text;
  Duration timeout = std::chrono::minutes(10);  ///< for all of it
};

/// Adds the subcommand; `options` must outlive the parsing.
CLI::App* add_reap(CLI::App& program, ReapOptions& options);

/// After the parsing: what does not go together, as one sentence; empty if all does.
std::string check_reap(const ReapOptions& options);

}  // namespace portcullis::app
