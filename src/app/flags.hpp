#pragma once

#include <string>

#include "base/log.hpp"
#include "base/result.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

/// Flags that several commands have, defined once.
namespace portcullis::app {

/// What the program ends with; also in docs/reference.md.
namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int internal = 1;  ///< a bug, or the machine failed us
inline constexpr int usage = 2;     ///< a flag or environment variable
/// What a flag names cannot be used: a file (kubeconfig, CA, secret), an address to listen on.
inline constexpr int configuration = 3;
inline constexpr int refused = 4;     ///< API server or cloud does not accept our credential
inline constexpr int lease_lost = 5;  ///< another replica may act now; start again
inline constexpr int left = 6;        ///< reap: something that is to go stands
inline constexpr int unknown = 7;     ///< reap: whether something overdue stands cannot be told
}  // namespace exit_code

struct KubeFlags {
  std::string kubeconfig{};
  std::string context{};
};

struct AzureFlags {
  std::string arm_endpoint{};
  std::string login_endpoint{};
  std::string imds_endpoint{};
  std::string ca_file{};
  std::string client_secret_file{};
  std::string federated_token_file{};
  std::string default_client_id{};
  int budget_percent = 100;  ///< of what Azure takes of a subscription
};

struct LogFlags {
  log::Level level = log::Level::info;
  log::Format format = log::Format::text;
};

enum class Output { text, json };

/// A flag for a text, with its environment variable (none: nullptr).
CLI::Option* add_text(CLI::App& command, const char* flag, std::string& value, const char* env,
                      const char* help);

void add_kube_flags(CLI::App& command, KubeFlags& flags);
void add_azure_flags(CLI::App& command, AzureFlags& flags);
void add_log_flags(CLI::App& command, LogFlags& flags);
/// --output, for commands that answer on standard output.
void add_output_flag(CLI::App& command, Output& output);

/// What is wrong with a value, as CLI11 shows it behind the flag's name; empty: nothing.
std::string check_duration(const std::string& text);
std::string check_instance(const std::string& text);

/// Reads the CA file, and looks whether the secrets can be read: trouble is told before anything
/// runs. Returns the CA's PEM, empty without the flag; the error names flag and file.
Result<std::string> load_azure_files(const AzureFlags& flags);

}  // namespace portcullis::app
