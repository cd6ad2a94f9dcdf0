#pragma once

#include <string>

#include "base/log.hpp"
#include "base/time.hpp"

namespace portcullis::app {

/// What the program ends with; also in docs/reference.md.
namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int internal = 1;       ///< a bug, or the machine failed us
inline constexpr int usage = 2;          ///< a flag or environment variable
inline constexpr int configuration = 3;  ///< a file that a flag names: kubeconfig, CA, secret
inline constexpr int refused = 4;        ///< the API server does not accept our credential
inline constexpr int lease_lost = 5;     ///< another replica may act now; start again
}  // namespace exit_code

/// What must be left of the lease for a write to begin: longer than any single write may take.
inline constexpr Duration lease_margin = std::chrono::seconds(9);

struct OperatorOptions {
  std::string kubeconfig{};
  std::string context{};
  std::string ns = "portcullis-system";
  std::string instance{};
  std::string identity{};
  std::string arm_endpoint{};
  std::string login_endpoint{};
  std::string imds_endpoint{};
  std::string azure_ca_file{};
  std::string client_secret_file{};
  std::string federated_token_file{};
  std::string default_client_id{};
  Duration lease_duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);
  Duration inventory_period = std::chrono::minutes(5);
  /// From the signal to the end, whoever does not answer. No flag: those who would kill us wait at
  /// least 10 s.
  Duration stop_within = std::chrono::seconds(9);
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
};

/// Parses the command line (flags win over the environment). When the program has nothing more to
/// do (help, version, an error), `exit` is set and everything has been printed.
struct CommandLine {
  OperatorOptions options{};
  bool done = false;
  int exit = exit_code::ok;
};
CommandLine parse_command_line(int argc, char** argv);

}  // namespace portcullis::app
