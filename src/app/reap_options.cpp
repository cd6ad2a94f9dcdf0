#include "app/reap_options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace portcullis::app {
namespace {

constexpr const char* footer =
    "It removes what is past its end: nobody is entitled to that any more, so there is no "
    "confirmation; --dry-run only lists. What has time left, and locks, need --instance.\n"
    "Exit codes: 0 nothing overdue is left in what was read; 1 internal error; 2 wrong flag or "
    "environment variable; 3 a file cannot be used (CA, secret); 4 the cloud refuses the "
    "credential; 6 something that is to go stands (or would go: --dry-run); 7 it cannot be told: "
    "nothing or not all could be read, clocks disagree, or it was stopped.";

std::string check_guid(const std::string& text) {
  const bool fits = !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
  return fits ? "" : "must be an id such as 11111111-2222-4333-8444-555555555555";
}

}  // namespace

CLI::App* add_reap(CLI::App& program, ReapOptions& options) {
  auto* reap = program.add_subcommand(
      "reap", "Close what is overdue in a subscription, without any Kubernetes");
  reap->footer(footer);
  const auto text = [reap](const char* flag, std::string& value, const char* env,
                           const char* help) { return add_text(*reap, flag, value, env, help); };
  text("--subscription", options.subscription, "AZURE_SUBSCRIPTION_ID", "Where to look")
      ->required()
      ->check(CLI::Validator(check_guid, ""));
  text("--tenant", options.tenant, "AZURE_TENANT_ID",
       "Tenant of the credential; not needed for managed-identity")
      ->check(CLI::Validator(check_guid, ""));
  text("--credential", options.credential, nullptr,
       "workload-identity, managed-identity or client-secret")
      ->check(CLI::IsMember({"workload-identity", "managed-identity", "client-secret"}))
      ->capture_default_str();
  text("--environment", options.environment, nullptr, "AzurePublic, AzureGovernment or AzureChina")
      ->check(CLI::IsMember({"AzurePublic", "AzureGovernment", "AzureChina"}))
      ->capture_default_str();
  add_azure_flags(*reap, options.azure);
  reap->add_option("--resource-group", options.resource_groups,
                   "Only the security groups in it; may be repeated. Default: all that the "
                   "credential sees");
  text("--instance", options.instance, nullptr, "Only rules of this instance")
      ->check(CLI::Validator(check_instance, ""));
  reap->add_flag("--all", options.all,
                 "Also open rules and shutters of the instance that have time left");
  reap->add_flag("--locks", options.locks,
                 "Also locks and exceptions of the instance: this opens ports");
  reap->add_flag("--dry-run", options.dry_run, "Change nothing, print what would be done");
  add_output_flag(*reap, options.output);
  reap->add_option_function<std::string>(
          "--timeout",
          [&options](const std::string& given) { options.timeout = *parse_duration(given); },
          "For all of it: what is not done by then is reported")
      ->check(CLI::Validator(check_duration, ""))
      ->default_str("10m");
  add_log_flags(*reap, options.log);
  return reap;
}

std::string check_reap(const ReapOptions& options) {
  if (options.all && options.instance.empty()) return "--all needs --instance";
  if (options.locks && options.instance.empty()) return "--locks needs --instance";
  if (options.credential == "managed-identity") return "";
  if (options.tenant.empty()) return "--credential=" + options.credential + " needs --tenant";
  if (options.azure.default_client_id.empty()) {
    return "--credential=" + options.credential + " needs --client-id";
  }
  const bool secret = options.credential == "client-secret";
  const bool has_file =
      !(secret ? options.azure.client_secret_file : options.azure.federated_token_file).empty();
  if (has_file) return "";
  return "--credential=" + options.credential + " needs " +
         (secret ? "--azure-client-secret-file" : "--azure-federated-token-file");
}

}  // namespace portcullis::app
