#include "app/options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "net/url.hpp"

namespace portcullis::app {
namespace {

constexpr const char* footer =
    "Exit codes: 0 stopped by a signal; 1 internal error; 2 wrong flag or environment variable; "
    "3 a file cannot be used (kubeconfig, CA, secret); 4 the API server refuses the credential; "
    "5 the lease was lost.\n"
    "Every flag has an environment equivalent, shown as (Env:…). Secrets come from files only.";

/// Shown by CLI11 as "--flag: <what is wrong>".
std::string check_duration(const std::string& text) {
  const auto parsed = parse_duration(text);
  if (!parsed || *parsed < std::chrono::seconds(1)) {
    return "\"" + text + "\" is no duration of at least 1s, such as 15s";
  }
  return "";
}

/// What was given is not repeated: it could hold a password.
std::string check_resource_manager(const std::string& text) {
  const auto url = net::parse_url(text);
  const bool fits = url && url->origin.scheme == "https" && url->target == "/";
  return fits ? "" : "must have the form https://host:port: tokens go there";
}

std::string check_login(const std::string& text) {
  const auto url = net::parse_url(text);
  const bool fits =
      url && url->origin.scheme == "https" && url->target.find('?') == std::string::npos;
  return fits ? "" : "must have the form https://host:port/path: secrets go there";
}

std::string check_metadata_service(const std::string& text) {
  const auto url = net::parse_url(text);
  return url && url->target.find('?') == std::string::npos ? ""
                                                           : "must have the form http://host:port";
}

/// Empty if the times of the lease go together.
std::string check_lease(const OperatorOptions& options) {
  const auto text = [](Duration duration) { return format_duration(duration); };
  if (options.lease_duration <= options.renew_deadline ||
      options.renew_deadline <= options.retry_period * 12 / 10) {
    return "--lease-duration (" + text(options.lease_duration) +
           ") must be above --renew-deadline (" + text(options.renew_deadline) +
           "), which must be above 1.2 x --retry-period (" + text(options.retry_period) + ")";
  }
  // Below that every renewal would come too late for a write.
  const Duration least = lease_margin + 2 * options.retry_period;
  if (options.lease_duration >= least) return "";
  return "--lease-duration (" + text(options.lease_duration) + ") must be at least " + text(least) +
         ": " + text(lease_margin) + " that a write may take and twice --retry-period (" +
         text(options.retry_period) + ")";
}

std::string check_instance(const std::string& text) {
  const bool fits = text.size() == 8 && std::ranges::all_of(text, [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
                    });
  return fits ? "" : "\"" + text + "\" must be eight characters a-z or 0-9";
}

}  // namespace

CommandLine parse_command_line(int argc, char** argv) {
  CommandLine line;
  OperatorOptions& options = line.options;
  std::string lease = "15s";
  std::string renew = "10s";
  std::string retry = "2s";
  std::string inventory = "5m";

  CLI::App program("Portcullis: just-in-time VM access for Kubernetes", "portcullis");
  program.set_version_flag("--version", std::string("portcullis ") + PORTCULLIS_VERSION);
  program.require_subcommand(1);
  auto* run = program.add_subcommand(
      "operator", "Run the operator: keep ports locked, open what is granted, close it in time");
  run->footer(footer);

  const auto text = [run](const char* flag, std::string& value, const char* env, const char* help) {
    return run->add_option(flag, value, help)->envname(env);
  };
  text("--kubeconfig", options.kubeconfig, "PORTCULLIS_KUBECONFIG",
       "Kubeconfig file; else $KUBECONFIG, the pod's service account, ~/.kube/config");
  text("--context", options.context, "PORTCULLIS_CONTEXT", "Context of the kubeconfig");
  text("--namespace", options.ns, "PORTCULLIS_NAMESPACE",
       "The operator's own namespace, where its Lease is")
      ->capture_default_str();
  text("--instance", options.instance, "PORTCULLIS_INSTANCE",
       "Marks our rules in NSGs, eight characters a-z0-9; default: from the UID of namespace "
       "kube-system. Two clusters that share an NSG must differ")
      ->check(CLI::Validator(check_instance, ""));
  text("--identity", options.identity, "POD_NAME",
       "Name in the Lease; unique among replicas. Default: host name and a random part");
  text("--azure-arm-endpoint", options.arm_endpoint, "PORTCULLIS_AZURE_ARM_ENDPOINT",
       "ARM server instead of the public cloud's (a lab, Azure Stack)")
      ->check(CLI::Validator(check_resource_manager, ""));
  text("--azure-login-endpoint", options.login_endpoint, "PORTCULLIS_AZURE_LOGIN_ENDPOINT",
       "Token server instead of the public cloud's")
      ->check(CLI::Validator(check_login, ""));
  text("--azure-imds-endpoint", options.imds_endpoint, "PORTCULLIS_AZURE_IMDS_ENDPOINT",
       "Metadata service for managed identities")
      ->check(CLI::Validator(check_metadata_service, ""));
  text("--azure-ca-file", options.azure_ca_file, "PORTCULLIS_AZURE_CA_FILE",
       "PEM file of the only roots trusted for those; default: the system's");
  text("--azure-client-secret-file", options.client_secret_file,
       "PORTCULLIS_AZURE_CLIENT_SECRET_FILE",
       "File with the secret of accounts with credential ClientSecret; read again at each use");
  text("--azure-federated-token-file", options.federated_token_file, "AZURE_FEDERATED_TOKEN_FILE",
       "Token file of accounts with credential WorkloadIdentity");
  text("--azure-client-id", options.default_client_id, "AZURE_CLIENT_ID",
       "Client ID of accounts that name none");
  text("--lease-duration", lease, "PORTCULLIS_LEASE_DURATION",
       "How long a lease counts without renewal")
      ->check(CLI::Validator(check_duration, ""))
      ->capture_default_str();
  text("--renew-deadline", renew, "PORTCULLIS_RENEW_DEADLINE",
       "Without a renewal for so long the operator gives up the lease")
      ->check(CLI::Validator(check_duration, ""))
      ->capture_default_str();
  text("--retry-period", retry, "PORTCULLIS_RETRY_PERIOD", "Time between tries to renew or acquire")
      ->check(CLI::Validator(check_duration, ""))
      ->capture_default_str();
  text("--inventory-period", inventory, "PORTCULLIS_INVENTORY_PERIOD",
       "How often the machines of selectors are listed")
      ->check(CLI::Validator(check_duration, ""))
      ->capture_default_str();
  const std::map<std::string, log::Level> levels = {{"debug", log::Level::debug},
                                                    {"info", log::Level::info},
                                                    {"warning", log::Level::warning},
                                                    {"error", log::Level::error}};
  run->add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->envname("PORTCULLIS_LOG_LEVEL")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case));
  const std::map<std::string, log::Format> formats = {{"text", log::Format::text},
                                                      {"json", log::Format::json}};
  run->add_option("--log-format", options.log_format, "text or json")
      ->envname("PORTCULLIS_LOG_FORMAT")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case));

  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool success = error.get_exit_code() == 0;
    if (success) {
      program.exit(error);
    } else {
      std::cerr << "portcullis: " << error.what() << " (see --help)\n";
    }
    line.done = true;
    line.exit = success ? exit_code::ok : exit_code::usage;
    return line;
  }
  options.lease_duration = *parse_duration(lease);
  options.renew_deadline = *parse_duration(renew);
  options.retry_period = *parse_duration(retry);
  options.inventory_period = *parse_duration(inventory);
  if (const auto problem = check_lease(options); !problem.empty()) {
    std::cerr << "portcullis: " << problem << "\n";
    line.done = true;
    line.exit = exit_code::usage;
  }
  return line;
}

}  // namespace portcullis::app
