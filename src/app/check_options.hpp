#pragma once

#include <string>

#include "app/flags.hpp"

namespace portcullis::app {

/// The flags of `portcullis check`.
struct CheckOptions {
  KubeFlags kube{};
  AzureFlags azure{};
  LogFlags log{.level = log::Level::warning};
  std::string ns = "portcullis-system";
  std::string operator_user{};  ///< empty: the service account "portcullis" in `ns`
  Output output = Output::text;
};

/// Adds the subcommand; `options` must outlive the parsing.
CLI::App* add_check(CLI::App& program, CheckOptions& options);

}  // namespace portcullis::app
