#include "app/connection.hpp"

#include "app/rotating_transport.hpp"
#include "base/log.hpp"
#include "net/beast_transport.hpp"

namespace portcullis::app {
namespace {

const kube::Resource namespaces{"", "v1", "namespaces", "Namespace", false};

/// Eight characters of the cluster's own identity: hexadecimal digits of the UID, dashes left out.
std::string instance_from(const std::string& uid) {
  std::string out;
  for (const char c : uid) {
    if (c != '-' && out.size() < 8) out += c;
  }
  return out;
}

/// What a rotation changes.
std::string trust_of(const net::TlsOptions& tls) {
  return tls.ca_pem + "\n" + tls.certificate_pem + "\n" + tls.key_pem.reveal();
}

bool is_final(const Error& error) {
  return error.kind == Error::Kind::unauthorized || error.kind == Error::Kind::forbidden ||
         error.kind == Error::Kind::cancelled;
}

}  // namespace

Result<Connection> make_connection(asio::io_context& io, Clock& clock,
                                   const OperatorOptions& options) {
  const kube::ConfigSource source{.kubeconfig = options.kubeconfig, .context = options.context};
  auto config = kube::load_config(source);
  if (!config) return fail(config.error());
  Connection connection{.config = std::move(*config), .tokens = {}, .transport = {}, .client = {}};
  connection.tokens = kube::make_token_source(connection.config, clock);
  auto transport =
      net::make_beast_transport(io, clock, connection.config.origin, connection.config.tls);
  if (!transport) return fail(transport.error());
  // The server stays the one of the start: our token is for it alone.
  const auto reload = [&io, &clock,
                       first = connection.config]() -> Result<RotatingTransport::Made> {
    const auto tls = kube::read_tls_again(first);
    if (!tls) return fail(tls.error());
    return RotatingTransport::Made{.made_of = trust_of(*tls),
                                   .make = [&io, &clock, origin = first.origin, tls = *tls] {
                                     return net::make_beast_transport(io, clock, origin, tls);
                                   }};
  };
  connection.transport = std::make_unique<RotatingTransport>(
      clock, std::move(*transport), trust_of(connection.config.tls), reload);
  connection.client =
      std::make_unique<kube::Client>(*connection.transport, clock, connection.tokens.get());
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
      if (system) {
        identity.instance = instance_from(system->at("metadata").at("uid").get<std::string>());
      } else {
        problem = system.error();
      }
    }
    if (!problem) co_return identity;
    if (is_final(*problem)) co_return fail(*problem);
    log::warning("the API server does not answer yet", {{"error", problem->message}});
    co_await client.clock().sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace portcullis::app
