#include "app/options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

namespace portcullis::app {
namespace {

constexpr const char* footer =
    "Exit codes: 0 stopped by a signal; 1 internal error; 2 wrong flag or environment variable; "
    "3 a file (kubeconfig, CA, secret) or an address to listen on cannot be used; 4 the API server "
    "refuses the credential; "
    "5 the lease was lost.\n"
    "Every flag has an environment equivalent, shown as (Env:…). Secrets come from files only.";

std::string check_listen(const std::string& text) {
  const auto parsed = parse_listen_address(text);
  return parsed ? "" : parsed.error().message;
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

}  // namespace

const LogFlags& CommandLine::log() const {
  switch (command) {
    case Command::run_operator:
      return options.log;
    case Command::reap:
      return reap.log;
    case Command::check:
      return check.log;
  }
  return options.log;
}

CommandLine parse_command_line(int argc, char** argv) {
  CommandLine line;
  OperatorOptions& options = line.options;
  std::string lease = "15s";
  std::string renew = "10s";
  std::string retry = "2s";
  std::string inventory = "5m";
  std::string health = "none";
  std::string metrics = "none";

  CLI::App program("Portcullis: just-in-time VM access for Kubernetes", "portcullis");
  program.set_version_flag("--version", std::string("portcullis ") + PORTCULLIS_VERSION);
  program.require_subcommand(1);
  auto* run = program.add_subcommand(
      "operator", "Run the operator: keep ports locked, open what is granted, close it in time");
  run->footer(footer);

  const auto text = [run](const char* flag, std::string& value, const char* env, const char* help) {
    return add_text(*run, flag, value, env, help);
  };
  add_kube_flags(*run, options.kube);
  text("--namespace", options.ns, "PORTCULLIS_NAMESPACE",
       "The operator's own namespace, where its Lease is")
      ->capture_default_str();
  text("--instance", options.instance, "PORTCULLIS_INSTANCE",
       "Marks our rules in NSGs, eight characters a-z0-9; default: from the UID of namespace "
       "kube-system. Two clusters that share an NSG must differ")
      ->check(CLI::Validator(check_instance, ""));
  text("--identity", options.identity, "POD_NAME",
       "Name in the Lease; unique among replicas. Default: host name and a random part");
  add_azure_flags(*run, options.azure);
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
  text("--health-listen", health, "PORTCULLIS_HEALTH_LISTEN",
       "Where /healthz and /readyz are served, such as :8081 (all addresses) or 127.0.0.1:8081; "
       "port 0: any free one")
      ->check(CLI::Validator(check_listen, ""))
      ->capture_default_str();
  text("--metrics-listen", metrics, "PORTCULLIS_METRICS_LISTEN",
       "Where /metrics is served, likewise; another port than that")
      ->check(CLI::Validator(check_listen, ""))
      ->capture_default_str();
  add_log_flags(*run, options.log);
  const auto* reap = add_reap(program, line.reap);
  const auto* check = add_check(program, line.check);

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
  options.health_listen = *parse_listen_address(health);
  options.metrics_listen = *parse_listen_address(metrics);
  options.inventory_period = *parse_duration(inventory);
  if (reap->parsed()) line.command = Command::reap;
  if (check->parsed()) line.command = Command::check;
  const auto problem = line.command == Command::reap ? check_reap(line.reap) : check_lease(options);
  if (!problem.empty()) {
    std::cerr << "portcullis: " << problem << "\n";
    line.done = true;
    line.exit = exit_code::usage;
  }
  return line;
}

}  // namespace portcullis::app
