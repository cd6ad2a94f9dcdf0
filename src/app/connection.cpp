#include "app/connection.hpp"

#include "app/rotating_transport.hpp"
#include "base/log.hpp"
#include "net/beast_transport.hpp"

namespace portcullis::app {
namespace {

const kube::Resource namespaces{"", "v1", "namespaces", "Namespace", false};

/// Eight characters of the cluster's own identity: hexadecimal digits of the UID, dashes left out.
Result<std::string> instance_from(const nlohmann::json& system) {
  const auto pointer = nlohmann::json::json_pointer("/metadata/uid");
  std::string out;
  if (system.contains(pointer) && system.at(pointer).is_string()) {
    for (const char c : system.at(pointer).get<std::string>()) {
      const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      if (is_digit && out.size() < 8) out += c;
    }
  }
  if (out.size() == 8) return out;
  return fail(Error::Kind::malformed, "namespace kube-system has no UID in what was answered");
}

/// What a rotation changes.
std::string trust_of(const net::TlsOptions& tls) {
  return tls.ca_pem + "\n" + tls.certificate_pem + "\n" + tls.key_pem.reveal();
}

bool is_final(const Error& error) {
  return error.kind == Error::Kind::unauthorized || error.kind == Error::Kind::forbidden ||
         error.kind == Error::Kind::cancelled;
}

Result<std::unique_ptr<net::Transport>> make_transport(asio::io_context& io, Clock& clock,
                                                       const kube::Config& config) {
  auto transport = net::make_beast_transport(io, clock, config.origin, config.tls);
  if (!transport) return fail(transport.error());
  // The server stays the one of the start: our token is for it alone.
  const auto reload = [&io, &clock, first = config]() -> Result<RotatingTransport::Made> {
    const auto tls = kube::read_tls_again(first);
    if (!tls) return fail(tls.error());
    return RotatingTransport::Made{.made_of = trust_of(*tls),
                                   .make = [&io, &clock, origin = first.origin, tls = *tls] {
                                     return net::make_beast_transport(io, clock, origin, tls);
                                   }};
  };
  return std::make_unique<RotatingTransport>(clock, std::move(*transport), trust_of(config.tls),
                                             reload);
}

}  // namespace

void Connection::hurry() {
  client->hurry();
  lease_client->hurry();
}

void Connection::close() {
  transport->close();
  lease_transport->close();
}

Result<Connection> make_connection(asio::io_context& io, Clock& clock, const KubeFlags& flags) {
  const kube::ConfigSource source{.kubeconfig = flags.kubeconfig, .context = flags.context};
  auto config = kube::load_config(source);
  if (!config) return fail(config.error());
  Connection connection{.config = std::move(*config),
                        .tokens = {},
                        .transport = {},
                        .client = {},
                        .lease_transport = {},
                        .lease_client = {}};
  connection.tokens = kube::make_token_source(connection.config, clock);
  const net::Origin& origin = connection.config.origin;
  const std::string date_origin = origin.scheme == "https" ? net::to_string(origin) : "";
  for (auto [transport, client] :
       {std::pair(&connection.transport, &connection.client),
        std::pair(&connection.lease_transport, &connection.lease_client)}) {
    auto made = make_transport(io, clock, connection.config);
    if (!made) return fail(made.error());
    *transport = std::move(*made);
    *client =
        std::make_unique<kube::Client>(**transport, clock, connection.tokens.get(), date_origin);
  }
  // The lease is asked for all the time: through it all others learn soonest that they need not
  // wait any longer.
  connection.lease_client->tell(*connection.client);
  return connection;
}

Task<Result<Identity>> introduce(kube::Client& client, std::string instance_flag) {
  Identity identity{.username = {}, .instance = std::move(instance_flag)};
  for (;;) {
    std::optional<Error> problem;
    const auto me = co_await client.who_am_i();
    if (me) {
      identity.username = me->username;
    } else {
      problem = me.error();
    }
    if (!problem && identity.instance.empty()) {
      const auto system =
          co_await client.get(namespaces, kube::ObjectName{.ns = {}, .name = "kube-system"});
      const auto instance = system ? instance_from(*system) : fail(system.error());
      if (instance) {
        identity.instance = *instance;
      } else {
        problem = instance.error();
      }
    }
    if (!problem) co_return identity;
    if (is_final(*problem)) co_return fail(*problem);
    log::warning("the API server does not answer as it should yet", {{"error", problem->message}});
    co_await client.clock().sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace portcullis::app
