#include "app/check_options.hpp"

#include <CLI/CLI.hpp>

namespace portcullis::app {
namespace {

constexpr const char* footer =
    "It writes nothing. Run it with the operator's flags and, to see all, an admin's kubeconfig.\n"
    "Exit codes: 0 no line says FAIL; 1 one does, or an internal error; 2 wrong flag or "
    "environment variable; 3 a file cannot be used (CA, secret).";

}  // namespace

CLI::App* add_check(CLI::App& program, CheckOptions& options) {
  auto* check = program.add_subcommand(
      "check",
      "Say what an operator would miss in this cluster and its clouds, and how to mend it");
  check->footer(footer);
  const auto text = [check](const char* flag, std::string& value, const char* env,
                            const char* help) { return add_text(*check, flag, value, env, help); };
  add_kube_flags(*check, options.kube);
  text("--namespace", options.ns, "PORTCULLIS_NAMESPACE", "The operator's own namespace")
      ->capture_default_str();
  text("--operator-user", options.operator_user, nullptr,
       "Who the operator is to the API server; default: the service account portcullis in "
       "--namespace");
  add_azure_flags(*check, options.azure);
  add_output_flag(*check, options.output);
  add_log_flags(*check, options.log);
  return check;
}

}  // namespace portcullis::app
