#include "kube/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <vector>

#include "kube/files.hpp"
#include "kube/kubeconfig.hpp"

namespace portcullis::kube {
namespace {

using Kind = Error::Kind;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// The parts of a ':' list, each once, in order.
std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= list.size();) {
    const auto end = std::min(list.find(':', start), list.size());
    const std::string part = list.substr(start, end - start);
    if (!part.empty() && std::ranges::find(parts, part) == parts.end()) parts.push_back(part);
    start = end + 1;
  }
  return parts;
}

Result<Config> load_default(const ConfigSource& source) {
  const bool in_cluster = !variable("KUBERNETES_SERVICE_HOST").empty();
  Result<Config> inside = fail(Kind::not_found, "");
  if (in_cluster && source.context.empty()) {
    inside = in_cluster_config();
    if (inside) return inside;
  }
  const std::string home = variable("HOME");
  if (!home.empty()) {
    auto own = load_kubeconfig({home + "/.kube/config"}, source.context);
    if (own || own.error().kind != Kind::not_found) return own;
  }
  if (in_cluster && source.context.empty()) return inside;
  return fail(Kind::not_found,
              "no kubeconfig: --kubeconfig and $KUBECONFIG are not given, ~/.kube/config does not "
              "exist; and unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and "
              "KUBERNETES_SERVICE_PORT must be defined");
}

}  // namespace

Result<Config> load_config(const ConfigSource& source) {
  if (!source.kubeconfig.empty()) return load_kubeconfig({source.kubeconfig}, source.context);
  if (const auto files = split_list(variable("KUBECONFIG")); !files.empty()) {
    return load_kubeconfig(files, source.context);
  }
  return load_default(source);
}

Result<net::TlsOptions> read_tls_again(const Config& first) {
  net::TlsOptions tls = first.tls;
  if (first.kubeconfigs.empty()) {
    auto ca = read_file(first.ca_file);
    if (!ca) return fail(ca.error());
    if (trimmed(*ca).empty()) {
      return fail(Kind::invalid, fmt::format("{}: is empty", first.ca_file));
    }
    tls.ca_pem = std::move(*ca);
    return tls;
  }
  auto now = load_kubeconfig(first.kubeconfigs, first.context);
  if (!now) return fail(now.error());
  if (now->origin != first.origin) {
    return fail(Kind::conflict,
                fmt::format("{}: context \"{}\" leads to {} now, and led to {} when this program "
                            "started: restart it to go there",
                            fmt::join(first.kubeconfigs, ", "), first.context,
                            net::to_string(now->origin), net::to_string(first.origin)));
  }
  tls.ca_pem = std::move(now->tls.ca_pem);
  tls.certificate_pem = std::move(now->tls.certificate_pem);
  tls.key_pem = std::move(now->tls.key_pem);
  return tls;
}

Result<Config> in_cluster_config(const std::string& folder) {
  std::string host = variable("KUBERNETES_SERVICE_HOST");
  const std::string port = variable("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return fail(Kind::not_found,
                "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and "
                "KUBERNETES_SERVICE_PORT must be defined");
  }
  const bool is_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  const auto url =
      net::parse_url(fmt::format("https://{}:{}", is_v6 ? "[" + host + "]" : host, port));
  if (!url || url->target != "/") {
    return fail(Kind::invalid,
                fmt::format("KUBERNETES_SERVICE_HOST \"{}\" and KUBERNETES_SERVICE_PORT \"{}\" are "
                            "not an address",
                            host, port));
  }
  Config config{
      .origin = url->origin, .token_file = folder + "/token", .ca_file = folder + "/ca.crt"};
  const auto token = read_file(config.token_file);
  if (!token) return fail(token.error());
  if (trimmed(*token).empty()) {
    return fail(Kind::invalid, fmt::format("{}: is empty", config.token_file));
  }
  auto ca = read_file(config.ca_file);
  if (!ca) return fail(ca.error());
  if (trimmed(*ca).empty()) return fail(Kind::invalid, fmt::format("{}: is empty", config.ca_file));
  config.tls.ca_pem = std::move(*ca);
  if (const auto ns = read_file(folder + "/namespace"); ns && !trimmed(*ns).empty()) {
    config.ns = trimmed(*ns);
  }
  return config;
}

}  // namespace portcullis::kube
