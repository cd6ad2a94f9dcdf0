#pragma once

#include <optional>
#include <string>

#include "app/check_options.hpp"
#include "app/flags.hpp"
#include "app/listen_address.hpp"
#include "app/reap_options.hpp"
#include "base/time.hpp"

namespace portcullis::app {

/// What must be left of the lease for a write to begin: longer than any single write may take.
inline constexpr Duration lease_margin = std::chrono::seconds(9);

struct OperatorOptions {
  KubeFlags kube{};
  AzureFlags azure{};
  LogFlags log{};
  std::string ns = "portcullis-system";
  std::string instance{};
  std::string identity{};
  Duration lease_duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);
  Duration inventory_period = std::chrono::minutes(5);
  /// From the signal to the end, whoever does not answer. No flag: those who would kill us wait at
  /// least 10 s.
  Duration stop_within = std::chrono::seconds(9);
  std::optional<ListenAddress> health_listen{};
  std::optional<ListenAddress> metrics_listen{};
};

enum class Command { run_operator, reap, check };

/// Parses the command line (flags win over the environment). When the program has nothing more to
/// do (help, version, an error), `exit` is set and everything has been printed.
struct CommandLine {
  Command command = Command::run_operator;
  OperatorOptions options{};
  ReapOptions reap{};
  CheckOptions check{};
  bool done = false;
  int exit = exit_code::ok;

  const LogFlags& log() const;  ///< of the command
};
CommandLine parse_command_line(int argc, char** argv);

}  // namespace portcullis::app
