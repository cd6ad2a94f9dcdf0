#include "app/flags.hpp"

#include <CLI/CLI.hpp>
#include <map>
#include <utility>

#include "base/time.hpp"
#include "kube/files.hpp"
#include "net/tls.hpp"
#include "net/url.hpp"

namespace portcullis::app {
namespace {

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

Result<std::string> read_file(const std::string& flag, const std::string& path) {
  auto text = kube::read_file(path);
  if (!text) return fail(text.error().kind, flag + ": " + text.error().message);
  if (kube::trimmed(*text).empty()) {
    return fail(Error::Kind::invalid, flag + ": " + path + ": is empty");
  }
  return text;
}

}  // namespace

CLI::Option* add_text(CLI::App& command, const char* flag, std::string& value, const char* env,
                      const char* help) {
  auto* option = command.add_option(flag, value, help);
  return env == nullptr ? option : option->envname(env);
}

void add_kube_flags(CLI::App& command, KubeFlags& flags) {
  const auto text = [&](const char* flag, std::string& value, const char* env, const char* help) {
    return add_text(command, flag, value, env, help);
  };
  text("--kubeconfig", flags.kubeconfig, "PORTCULLIS_KUBECONFIG",
       "Kubeconfig file; else $KUBECONFIG, the pod's service account, ~/.kube/config");
  text("--context", flags.context, "PORTCULLIS_CONTEXT", "Context of the kubeconfig");
}

void add_azure_flags(CLI::App& command, AzureFlags& flags) {
  const auto text = [&](const char* flag, std::string& value, const char* env, const char* help) {
    return add_text(command, flag, value, env, help);
  };
  text("--azure-arm-endpoint", flags.arm_endpoint, "PORTCULLIS_AZURE_ARM_ENDPOINT",
       "ARM server instead of the public cloud's (a lab, Azure Stack)")
      ->check(CLI::Validator(check_resource_manager, ""));
  text("--azure-login-endpoint", flags.login_endpoint, "PORTCULLIS_AZURE_LOGIN_ENDPOINT",
       "Token server instead of the public cloud's")
      ->check(CLI::Validator(check_login, ""));
  text("--azure-imds-endpoint", flags.imds_endpoint, "PORTCULLIS_AZURE_IMDS_ENDPOINT",
       "Metadata service for managed identities")
      ->check(CLI::Validator(check_metadata_service, ""));
  text("--azure-ca-file", flags.ca_file, "PORTCULLIS_AZURE_CA_FILE",
       "PEM file of the only roots trusted for those; default: the system's");
  text("--azure-client-secret-file", flags.client_secret_file,
       "PORTCULLIS_AZURE_CLIENT_SECRET_FILE",
       "File with the secret of accounts with credential ClientSecret; read again at each use");
  text("--azure-federated-token-file", flags.federated_token_file, "AZURE_FEDERATED_TOKEN_FILE",
       "Token file of accounts with credential WorkloadIdentity");
  text("--azure-client-id,--client-id", flags.default_client_id, "AZURE_CLIENT_ID",
       "Client ID of accounts that name none");
  command
      .add_option("--azure-budget", flags.budget_percent,
                  "Percent of a subscription's limits of calls that may be used (1 to 10000)")
      ->envname("PORTCULLIS_AZURE_BUDGET")
      ->check(CLI::Range(1, 10'000));
}

void add_log_flags(CLI::App& command, LogFlags& flags) {
  const std::map<std::string, log::Level> levels = {{"debug", log::Level::debug},
                                                    {"info", log::Level::info},
                                                    {"warning", log::Level::warning},
                                                    {"error", log::Level::error}};
  command.add_option("--log-level", flags.level, "debug, info, warning or error")
      ->envname("PORTCULLIS_LOG_LEVEL")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case));
  const std::map<std::string, log::Format> formats = {{"text", log::Format::text},
                                                      {"json", log::Format::json}};
  command.add_option("--log-format", flags.format, "text or json")
      ->envname("PORTCULLIS_LOG_FORMAT")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case));
}

void add_output_flag(CLI::App& command, Output& output) {
  const std::map<std::string, Output> forms = {{"text", Output::text}, {"json", Output::json}};
  command.add_option("--output", output, "text (a line each), or json (one document at the end)")
      ->transform(CLI::CheckedTransformer(forms, CLI::ignore_case));
}

std::string check_duration(const std::string& text) {
  const auto parsed = parse_duration(text);
  if (!parsed || *parsed < std::chrono::seconds(1)) {
    return "\"" + text + "\" is no duration of at least 1s, such as 15s";
  }
  return "";
}

std::string check_instance(const std::string& text) {
  const bool fits = text.size() == 8 && std::ranges::all_of(text, [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
                    });
  return fits ? "" : "\"" + text + "\" must be eight characters a-z or 0-9";
}

Result<std::string> load_azure_files(const AzureFlags& flags) {
  std::string ca_pem;
  if (!flags.ca_file.empty()) {
    auto read = read_file("--azure-ca-file", flags.ca_file);
    if (!read) return read;
    ca_pem = std::move(*read);
    const auto trust = net::make_trust(ca_pem);
    if (!trust) {
      return fail(Error::Kind::invalid,
                  "--azure-ca-file: \"" + flags.ca_file + "\": " + trust.error().message);
    }
  }
  for (const auto& [flag, path] :
       {std::pair{"--azure-client-secret-file", flags.client_secret_file},
        std::pair{"--azure-federated-token-file", flags.federated_token_file}}) {
    if (path.empty()) continue;
    if (const auto readable = read_file(flag, path); !readable) return readable;
  }
  return ca_pem;
}

}  // namespace portcullis::app
