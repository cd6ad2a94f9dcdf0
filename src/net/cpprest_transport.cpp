#include "net/cpprest_transport.hpp"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/log.hpp"
#include "base/system_clock.hpp"
#include "net/answer_meter.hpp"
#include "net/cpprest_call.hpp"
#include "net/message.hpp"
#include "net/pool.hpp"
#include "net/shutdown_hook.hpp"
#include "net/tls.hpp"

namespace portcullis::net {
namespace {

using web::http::client::http_client;
using web::http::client::http_client_config;

constexpr std::size_t most_in_flight = 8;

/// What a connection of cpprest's is made with. Lives as long as the http_client.
struct Trust {
  TrustStore store;
  TlsOptions tls;
  std::string host;
  std::size_t body_limit = 0;

  AnswerMeter meter{body_limit};

  std::mutex mutex{};
  std::string refusal{};  ///< why the last certificate was not good
};

/// Stands before the check that cpprest makes itself (by the old rules: a subject's common name
/// would do): the name is OpenSSL's to check, and the reason, which cpprest forgets, is kept.
int verify_server(X509_STORE_CTX* chain, void* data) {
  auto& trust = *static_cast<Trust*>(data);
  const bool good =
      expect_host(X509_STORE_CTX_get0_param(chain), trust.host) && X509_verify_cert(chain) == 1;
  const std::lock_guard lock(trust.mutex);
  trust.refusal = good ? "" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain));
  return good ? 1 : 0;
}

struct State {
  State(asio::io_context& io, const http_client& used_client, std::shared_ptr<Trust> used_trust,
        std::shared_ptr<Pool> used_pool)
      : client(used_client),
        trust(std::move(used_trust)),
        pool(std::move(used_pool)),
        mailbox(std::make_shared<Mailbox>(io)),
        hook(io, [this] { mailbox->close(); }) {}
  ~State() { mailbox->close(); }

  http_client client;
  std::shared_ptr<Trust> trust;
  std::shared_ptr<Pool> pool;  ///< turns and deadlines; the connections are cpprest's
  std::shared_ptr<Mailbox> mailbox;
  ShutdownHook hook;  ///< here, not in the mailbox, which may die on a thread of cpprest's
  std::set<CpprestCall*> calls{};
};

/// Ties a call to the coroutine that waits for it: without one it has no business going on.
class Waiting {
 public:
  Waiting(std::shared_ptr<State> state, std::shared_ptr<CpprestCall> call, Event& done)
      : state_(std::move(state)), call_(std::move(call)) {
    call_->done = &done;
    state_->calls.insert(call_.get());
  }
  ~Waiting() {
    call_->done = nullptr;
    state_->calls.erase(call_.get());
    if (!call_->result) cancel_call(*call_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<CpprestCall> call_;
};

web::http::http_request translate(Request request, const std::string& user_agent) {
  web::http::http_request out(request.method);
  out.set_request_uri(web::uri(request.target));
  const bool has_body = !request.body.empty();
  if (has_body) out.set_body(std::vector<unsigned char>(request.body.begin(), request.body.end()));
  // Set with the body, and not what the caller said.
  out.headers().remove("Content-Type");
  out.headers().add("User-Agent",
                    std::string(find_header(request.headers, "User-Agent").value_or(user_agent)));
  for (const Header& header : request.headers) {
    // A Host would also be the name that cpprest checks the certificate for.
    if (is_framing(header.name) || same_name(header.name, "Host") ||
        same_name(header.name, "User-Agent")) {
      continue;
    }
    out.headers().add(header.name, header.value);
  }
  if (request.method == "PATCH" && !has_body) out.headers().add("Content-Length", "0");
  return out;
}

/// cpprest knows only that the handshake failed; the last certificate's fault is why.
void add_refusal(Trust& trust, Error& error) {
  if (error.message.find("SSL handshake") == std::string::npos) return;
  const std::lock_guard lock(trust.mutex);
  if (trust.refusal.empty()) return;
  error.message = "the certificate of " + trust.host + " was refused: " + trust.refusal;
  error.code = "CertificateRefused";
}

Task<Result<Response>> send_request(std::shared_ptr<State> state, asio::io_context& io,
                                    Request request, Duration deadline) {
  if (const auto fault = find_fault(request)) co_return fail(Error::Kind::invalid, *fault);
  if (request.target.starts_with("//")) {
    co_return fail(Error::Kind::invalid, "the target would be read as another host");
  }
  Exchange exchange(state->pool);
  const BootTime end = read_boot_clock() + deadline;
  const auto guard = exchange.limit(deadline);
  Turn turn(*state->pool);
  co_await turn.take(exchange);
  if (exchange.has_ended()) co_return fail(exchange.explain("", {}));

  const auto call = std::make_shared<CpprestCall>(state->mailbox);
  call->end = end;
  call->body_limit = state->pool->options().body_limit;
  call->host = host_header(state->pool->origin());
  call->expects_no_body = request.method == "HEAD";
  Event done(io);
  const Waiting waiting(state, call, done);
  const unsigned cuts = state->trust == nullptr ? 0 : state->trust->meter.cuts();
  std::string defect;
  try {
    start_call(call, state->client,
               translate(std::move(request), state->pool->options().user_agent));
  } catch (const std::exception& failure) {
    defect = failure.what();
  }
  if (!defect.empty()) co_return fail(Error::Kind::invalid, "request refused: " + defect);
  co_await exchange.wait(done);
  if (exchange.has_ended()) co_return fail(exchange.explain("", {}));

  auto result = std::move(*call->result);
  if (!result && state->trust != nullptr) {
    add_refusal(*state->trust, result.error());
    // Which of the calls under way it was that we cut is not known: whichever fails then.
    if (state->trust->meter.cuts() != cuts) result = fail(too_large(*call));
  }
  co_return result;
}

Task<Result<std::unique_ptr<BodyStream>>> refuse_stream() {
  co_return fail(Error::Kind::unsupported, "this transport has no streams");
}

class CpprestTransport final : public Transport {
 public:
  CpprestTransport(asio::io_context& io, std::shared_ptr<State> state)
      : io_(io), state_(std::move(state)) {}

  ~CpprestTransport() override {
    cancel_all();
    // cpprest's threads may not outlive what they work with until the end of the program.
    state_->mailbox->drain(std::chrono::seconds(2));
  }

  Task<Result<Response>> send(Request request, Duration deadline) override {
    return send_request(state_, io_, std::move(request), deadline);
  }

  Task<Result<std::unique_ptr<BodyStream>>> stream(Request, Duration) override {
    return refuse_stream();
  }

  void close() override { cancel_all(); }

 private:
  void cancel_all() {
    state_->pool->close();
    for (CpprestCall* call : state_->calls) cancel_call(*call);
  }

  asio::io_context& io_;
  std::shared_ptr<State> state_;
};

http_client_config make_config(const std::shared_ptr<Trust>& trust) {
  http_client_config config;
  config.set_max_redirects(0);
  config.set_request_compressed_response(false);
  // Every exchange has a deadline on our clock; this one is only there because cpprest wants one.
  config.set_timeout(std::chrono::minutes(10));
  if (trust == nullptr) return config;
  config.set_tlsext_sni_enabled(!is_address(trust->host));
  // Called for each connection. What it sets was tried when the transport was made.
  config.set_ssl_context_callback([trust](asio::ssl::context& context) {
    SSL_CTX* native = context.native_handle();
    set_protocol(native);
    set_trust(native, trust->store);
    if (!set_identity(native, trust->tls.certificate_pem, trust->tls.key_pem)) {
      throw std::logic_error("a client certificate that was good is not any more");
    }
    SSL_CTX_set_cert_verify_callback(native, verify_server, trust.get());
    trust->meter.attach(native);
  });
  return config;
}

}  // namespace

void initialize_cpprest() {
  static std::once_flag once;
  std::call_once(once, [] {
    // The pool's threads end after the exit handlers: OpenSSL must not be taken down under them.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
    crossplat::threadpool::initialize_with_threads(1);
  });
}

Result<std::unique_ptr<Transport>> make_cpprest_transport(asio::io_context& io, Clock& clock,
                                                          Origin origin, TlsOptions tls,
                                                          TransportOptions options) {
  if (origin.host.find(':') != std::string::npos) {
    return fail(Error::Kind::unsupported, "cpprest cannot connect to a literal IPv6 address");
  }
  std::shared_ptr<Trust> trust;
  if (origin.scheme == "https") {
    if (!tls.server_name.empty() && tls.server_name != origin.host) {
      return fail(Error::Kind::unsupported, "cpprest checks the certificate for the host's name");
    }
    // Tries everything once, so that the callback cannot fail.
    const auto tried = make_client_context(tls.ca_pem, tls.certificate_pem, tls.key_pem);
    if (!tried) return fail(tried.error());
    auto store = make_trust(tls.ca_pem);
    if (!store) return fail(store.error());
    trust =
        std::make_shared<Trust>(std::move(*store), std::move(tls), origin.host, options.body_limit);
  }
  initialize_cpprest();
  options.max_connections = std::min(options.max_connections, most_in_flight);
  const std::string address = to_string(origin);
  auto pool = std::make_shared<Pool>(io, clock, std::move(origin), std::move(options), nullptr, "");
  try {
    http_client client(web::uri(address), make_config(trust));
    auto state = std::make_shared<State>(io, client, std::move(trust), std::move(pool));
    return std::make_unique<CpprestTransport>(io, std::move(state));
  } catch (const std::exception& failure) {
    return fail(Error::Kind::invalid, address + ": " + failure.what());
  }
}

Result<std::unique_ptr<Transport>> make_rest_transport(asio::io_context& io, Clock& clock,
                                                       Origin origin, TlsOptions tls,
                                                       TransportOptions options) {
  const auto make = origin.scheme == "https" ? make_cpprest_transport : make_beast_transport;
  return make(io, clock, std::move(origin), std::move(tls), std::move(options));
}

}  // namespace portcullis::net
