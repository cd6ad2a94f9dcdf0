#include <boost/asio/ssl.hpp>
#include <catch2/catch.hpp>
#include <future>
#include <optional>
#include <thread>

#include "rig.hpp"
#include "support/certificates.hpp"

namespace portcullis::net::test {
namespace {

using portcullis::test::Certificate;
using portcullis::test::CertificateOptions;
using portcullis::test::make_authority;
using portcullis::test::make_certificate;

struct TlsRig : Rig {
  Certificate authority = make_authority();

  void serve_tls(CertificateOptions options, ServerOptions server_options = {}) {
    const Certificate certificate = make_certificate(std::move(options), &authority);
    server_options.certificate_pem = certificate.pem;
    server_options.key_pem = certificate.key_pem;
    serve([](const Request&) { return Response{.status = 200, .headers = {}, .body = "secure"}; },
          std::move(server_options));
  }

  Result<Response> get_from(Kind kind, std::string host, TlsOptions tls) {
    connect(kind, Origin{.scheme = "https", .host = std::move(host), .port = server->port()},
            std::move(tls));
    return get("/");
  }
};

void check_refused(const Result<Response>& answer, const std::string& why) {
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::unavailable);
  CHECK(answer.error().code == "CertificateRefused");
  CHECK_THAT(answer.error().message, Catch::Contains(why));
}

/// A server on a thread of its own that lets the handshake wait until a time of the boot clock is
/// over; what it was told afterwards.
class LateServer {
 public:
  explicit LateServer(const Certificate& certificate)
      : acceptor_(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {
    context_.use_certificate_chain(asio::buffer(certificate.pem));
    context_.use_private_key(asio::buffer(certificate.key_pem.reveal()), asio::ssl::context::pem);
    thread_ = std::thread([this] { serve(); });
  }
  ~LateServer() {
    if (!thread_.joinable()) return;
    boost::system::error_code ignored;  // in case that nobody came
    tcp::socket(io_).connect(acceptor_.local_endpoint(), ignored);
    go_on_.set_value(BootTime{});
    thread_.join();
  }
  LateServer(const LateServer&) = delete;
  LateServer& operator=(const LateServer&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  bool has_come() { return came_.get_future().wait_for(seconds(20)) == std::future_status::ready; }
  /// All of it, when the client has hung up.
  std::string heard_after(BootTime when) {
    go_on_.set_value(when);
    thread_.join();
    return heard_;
  }

 private:
  void serve() {
    boost::system::error_code error;
    asio::ssl::stream<tcp::socket> stream(io_, context_);
    acceptor_.accept(stream.next_layer(), error);
    came_.set_value();
    const BootTime when = go_on_.get_future().get();
    while (read_boot_clock() < when) std::this_thread::yield();
    stream.handshake(asio::ssl::stream_base::server, error);
    if (!error) asio::read(stream, asio::dynamic_buffer(heard_), error);
  }

  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_;
  std::promise<void> came_;
  std::promise<BootTime> go_on_;
  std::string heard_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("A rule that a stopped process was about to write is not written when it goes on") {
  const Certificate authority = make_authority();
  LateServer server(make_certificate({.names = {"IP:127.0.0.1"}}, &authority));
  Rig rig;
  rig.connect(Kind::cpprest, Origin{.scheme = "https", .host = "127.0.0.1", .port = server.port()},
              {.ca_pem = authority.pem});
  const Duration deadline = seconds(1);
  std::optional<Result<Response>> answer;
  const auto send = [&]() -> Task<void> {
    answer = co_await rig.transport->send(
        {.method = "PUT", .target = "/rule", .headers = {}, .body = "{\"opens\":true}"}, deadline);
  };
  asio::co_spawn(rig.io, send(), asio::detached);
  rig.io.poll();
  const BootTime over = read_boot_clock() + deadline;
  REQUIRE(server.has_come());
  // Nobody of ours runs meanwhile: neither deadline nor cancellation come to be noticed.
  const std::string heard = server.heard_after(over);
  CHECK(heard.starts_with("PUT /rule"));
  CHECK(heard.find("opens") == std::string::npos);
  REQUIRE(run_until(rig.io, [&] { return answer.has_value(); }));
  CHECK_FALSE(*answer);
}

TEST_CASE("A server is trusted by its address or its name") {
  const Kind kind = with_both();
  TlsRig rig;
  rig.serve_tls({.names = {"DNS:localhost", "IP:127.0.0.1"}});
  const std::string host = GENERATE("127.0.0.1", "localhost");
  const auto answer = rig.get_from(kind, host, {.ca_pem = rig.authority.pem});
  REQUIRE(answer);
  CHECK(answer->body == "secure");
  CHECK(rig.get("/again")->body == "secure");
}

TEST_CASE("A certificate for another host is refused") {
  const Kind kind = with_both();
  TlsRig rig;
  const std::string names = GENERATE("DNS:example.org", "IP:127.0.0.2", "DNS:127.0.0.1");
  rig.serve_tls({.names = {names}});
  check_refused(rig.get_from(kind, "127.0.0.1", {.ca_pem = rig.authority.pem}), "mismatch");
}

TEST_CASE("The subject's common name is no host name") {
  const Kind kind = with_both();
  TlsRig rig;
  rig.serve_tls({.common_name = "localhost"});
  check_refused(rig.get_from(kind, "localhost", {.ca_pem = rig.authority.pem}), "mismatch");
}

TEST_CASE("A certificate of another authority is refused") {
  const Kind kind = with_both();
  TlsRig rig;
  rig.serve_tls({.names = {"IP:127.0.0.1"}});
  const Certificate other = make_authority("another authority");
  check_refused(rig.get_from(kind, "127.0.0.1", {.ca_pem = other.pem}), "certificate");
}

TEST_CASE("A certificate of ours is not good where the system's authorities count") {
  const Kind kind = with_both();
  TlsRig rig;
  rig.serve_tls({.names = {"IP:127.0.0.1"}});
  check_refused(rig.get_from(kind, "127.0.0.1", {}), "certificate");
}

TEST_CASE("A certificate that is over, or not yet good, is refused") {
  const Kind kind = with_both();
  TlsRig rig;
  const bool is_over = GENERATE(true, false);
  rig.serve_tls({.names = {"IP:127.0.0.1"},
                 .valid_from = is_over ? -7200 : 3600,
                 .valid_until = is_over ? -3600 : 7200});
  check_refused(rig.get_from(kind, "127.0.0.1", {.ca_pem = rig.authority.pem}),
                is_over ? "expired" : "not yet valid");
}

TEST_CASE("A request goes nowhere before the server has proved itself") {
  const Kind kind = with_both();
  TlsRig rig;
  rig.serve_tls({.names = {"DNS:example.org"}});
  CHECK_FALSE(rig.get_from(kind, "127.0.0.1", {.ca_pem = rig.authority.pem}));
  CHECK(rig.requests.empty());
}

TEST_CASE("A client shows its certificate") {
  const Kind kind = with_both();
  TlsRig rig;
  rig.serve_tls({.names = {"IP:127.0.0.1"}}, {.client_ca_pem = rig.authority.pem});
  const Certificate client = make_certificate({.common_name = "alice"}, &rig.authority);
  const auto answer = rig.get_from(
      kind, "127.0.0.1",
      {.ca_pem = rig.authority.pem, .certificate_pem = client.pem, .key_pem = client.key_pem});
  REQUIRE(answer);
  CHECK(rig.names == std::vector<std::string>{"alice"});
}

TEST_CASE("A server that wants client certificates serves nobody without a good one") {
  const Kind kind = with_both();
  TlsRig rig;
  rig.serve_tls({.names = {"IP:127.0.0.1"}}, {.client_ca_pem = rig.authority.pem});
  const Certificate other = make_authority("another authority");
  const Certificate stranger = make_certificate({.common_name = "mallory"}, &other);
  TlsOptions tls{.ca_pem = rig.authority.pem};
  if (GENERATE(true, false)) {
    tls.certificate_pem = stranger.pem;
    tls.key_pem = stranger.key_pem;
  }
  const auto answer = rig.get_from(kind, "127.0.0.1", tls);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::unavailable);
  CHECK(rig.requests.empty());
}

TEST_CASE("An intermediate may be the root, and a server its own authority") {
  const Kind kind = with_both();
  TlsRig rig;
  const Certificate middle =
      make_certificate({.common_name = "middle", .is_authority = true}, &rig.authority);
  const Certificate server =
      GENERATE(true, false) ? make_certificate({.names = {"IP:127.0.0.1"}}, &middle)
                            : make_certificate({.common_name = "alone", .names = {"IP:127.0.0.1"}});
  rig.serve([](const Request&) { return Response{.status = 200, .headers = {}, .body = ""}; },
            {.certificate_pem = server.pem, .key_pem = server.key_pem});
  CHECK(rig.get_from(kind, "127.0.0.1", {.ca_pem = middle.pem + server.pem}));
}

TEST_CASE("A chain with its intermediates is followed to the root") {
  const Kind kind = with_both();
  TlsRig rig;
  const Certificate middle =
      make_certificate({.common_name = "middle", .is_authority = true}, &rig.authority);
  const Certificate leaf = make_certificate({.names = {"IP:127.0.0.1"}}, &middle);
  rig.serve([](const Request&) { return Response{.status = 200, .headers = {}, .body = ""}; },
            {.certificate_pem = leaf.pem + middle.pem, .key_pem = leaf.key_pem});
  CHECK(rig.get_from(kind, "127.0.0.1", {.ca_pem = rig.authority.pem}));
}

TEST_CASE("Broken certificates and keys are refused with a sentence") {
  const Kind kind = with_both();
  Rig rig;
  const Certificate one = make_certificate({});
  const Certificate two = make_certificate({});
  const std::string cut = one.pem.substr(0, one.pem.size() / 2);
  const auto complaint = [&](TlsOptions tls) {
    const auto made = make_transport(kind, rig.io, rig.clock,
                                     {.scheme = "https", .host = "localhost", .port = 1}, tls);
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == Error::Kind::invalid);
    return made.error().message;
  };
  CHECK_THAT(complaint({.ca_pem = "nothing"}), Catch::Contains("no certificate"));
  CHECK_THAT(complaint({.ca_pem = one.pem + cut}), Catch::Contains("CA"));
  CHECK_THAT(complaint({.certificate_pem = cut, .key_pem = one.key_pem}),
             Catch::Contains("certificate"));
  CHECK_THAT(complaint({.certificate_pem = one.pem}), Catch::Contains("key"));
  CHECK_THAT(complaint({.certificate_pem = one.pem, .key_pem = two.key_pem}),
             Catch::Contains("does not belong"));
}

TEST_CASE("TLS before 1.2 is refused") {
  TlsRig rig;
  rig.serve_tls({.names = {"IP:127.0.0.1"}});
  const bool old = GENERATE(true, false);
  // The client is bare OpenSSL, which is told to speak the old version and nothing else.
  asio::ssl::context context(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.native_handle(), old ? TLS1_1_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_security_level(context.native_handle(), 0);
  asio::ssl::stream<tcp::socket> stream(rig.io, context);
  stream.lowest_layer().connect({asio::ip::make_address("127.0.0.1"), rig.server->port()});
  bool done = false;
  boost::system::error_code result;
  stream.async_handshake(asio::ssl::stream_base::client, [&](boost::system::error_code error) {
    result = error;
    done = true;
  });
  REQUIRE(run_until(rig.io, [&] { return done; }));
  CHECK(static_cast<bool>(result) == old);
}

TEST_CASE("A plain request to a TLS server, and TLS to a plain one, are no answer") {
  const Kind kind = with_both();
  TlsRig rig;
  rig.serve_tls({.names = {"IP:127.0.0.1"}});
  rig.connect(kind, rig.server->port());
  CHECK(rig.get("/").error().kind == Error::Kind::unavailable);
  Rig plain;
  plain.serve([](const Request&) { return Response{.status = 200, .headers = {}, .body = ""}; });
  plain.connect(kind, {.scheme = "https", .host = "127.0.0.1", .port = plain.server->port()}, {});
  CHECK(plain.get("/").error().kind == Error::Kind::unavailable);
}

TEST_CASE("The name to verify may be another than the host to connect to") {
  TlsRig rig;
  rig.serve_tls({.names = {"DNS:api.internal"}});
  CHECK(rig.get_from(Kind::beast, "127.0.0.1",
                     {.ca_pem = rig.authority.pem, .server_name = "api.internal"}));
  const auto made =
      make_cpprest_transport(rig.io, rig.clock, {.scheme = "https", .host = "127.0.0.1", .port = 1},
                             {.server_name = "api.internal"});
  REQUIRE_FALSE(made);
  CHECK(made.error().kind == Error::Kind::unsupported);
}

TEST_CASE("IPv6 literals work with Beast; cpprest says that it cannot") {
  TlsRig rig;
  rig.serve_tls({.names = {"IP:::1"}}, {.address = "::1"});
  CHECK(rig.get_from(Kind::beast, "::1", {.ca_pem = rig.authority.pem}));
  CHECK(find_header(rig.requests.at(0).headers, "Host") ==
        "[::1]:" + std::to_string(rig.server->port()));
  const auto made =
      make_cpprest_transport(rig.io, rig.clock, {.scheme = "https", .host = "::1", .port = 1}, {});
  REQUIRE_FALSE(made);
  CHECK(made.error().kind == Error::Kind::unsupported);
}

TEST_CASE("Large bodies and many requests go over TLS") {
  const Kind kind = with_both();
  TlsRig rig;
  const Certificate certificate = make_certificate({.names = {"IP:127.0.0.1"}}, &rig.authority);
  rig.serve(
      [](const Request& request) {
        return Response{.status = 200, .headers = {}, .body = request.body};
      },
      {.certificate_pem = certificate.pem,
       .key_pem = certificate.key_pem,
       .body_limit = 16u << 20});
  rig.connect(kind, {.scheme = "https", .host = "127.0.0.1", .port = rig.server->port()},
              {.ca_pem = rig.authority.pem});
  const std::string body(3u << 20, 'z');
  for (int i = 0; i < 3; ++i) {
    const auto answer = rig.send({.method = "PUT", .target = "/", .body = body});
    REQUIRE(answer);
    CHECK((answer->body == body));
  }
}

}  // namespace portcullis::net::test
