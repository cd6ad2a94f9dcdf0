#include <boost/asio/ssl.hpp>
#include <catch2/catch.hpp>

#include "rig.hpp"
#include "support/certificates.hpp"

namespace portcullis::net::test {
namespace {

using TlsSocket = asio::ssl::stream<tcp::socket&>;

constexpr std::size_t limit = 1u << 20;
constexpr std::size_t most_said = 64u << 20;
/// What a server gets rid of before it notices: the limit, and what the kernel's buffers hold.
constexpr std::size_t most_taken = 32u << 20;

/// Ways to say more than anybody may: what comes first, and what is said again and again then.
struct Flood {
  std::string name;
  std::string begin;
  std::string more;
};

Flood any_flood() {
  const std::string piece(64u << 10, 'x');
  return GENERATE_COPY(
      values<Flood>({{"a chunk of a gigabyte",
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n", piece},
                     {"a head of one line", "HTTP/1.1 200 OK\r\nX-Filler: ", piece},
                     {"a status without end", "HTTP/1.1 200 ", piece},
                     {"a head of many lines", "HTTP/1.1 200 OK\r\n", "X-Filler: " + piece + "\r\n"},
                     {"a body to the end", "HTTP/1.1 200 OK\r\n\r\n", piece}}));
}

/// Answers any request with the flood; `said` counts what the other side took.
template <typename Stream>
Task<void> pour(Stream& stream, Flood flood, std::size_t& said) {
  std::string head;
  co_await asio::async_read_until(stream, asio::dynamic_buffer(head), "\r\n\r\n",
                                  asio::use_awaitable);
  co_await asio::async_write(stream, asio::buffer(flood.begin), asio::use_awaitable);
  while (said < most_said) {
    said += co_await asio::async_write(stream, asio::buffer(flood.more), asio::use_awaitable);
  }
}

struct TlsServer {
  portcullis::test::Certificate authority = portcullis::test::make_authority();
  asio::ssl::context context{asio::ssl::context::tls_server};

  TlsServer() {
    const auto certificate =
        portcullis::test::make_certificate({.names = {"IP:127.0.0.1"}}, &authority);
    context.use_certificate_chain(asio::buffer(certificate.pem));
    context.use_private_key(asio::buffer(certificate.key_pem.reveal()), asio::ssl::context::pem);
  }

  void connect(Rig& rig, Kind kind, std::uint16_t port, TransportOptions options) const {
    rig.connect(kind, {.scheme = "https", .host = "127.0.0.1", .port = port},
                {.ca_pem = authority.pem}, std::move(options));
  }
};

}  // namespace

/// The answer is refused, long before the server has said all of it.
void check_cut(Rig& rig, const std::size_t& said) {
  const auto answer = rig.get("/");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::malformed);
  CHECK(said < most_taken);
}

TEST_CASE("However an answer over TLS exceeds the limit, it is cut soon after") {
  const Kind kind = with_both();
  const Flood flood = any_flood();
  INFO(flood.name);
  std::size_t said = 0;
  TlsServer tls;
  Rig rig;
  const RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    TlsSocket stream(*socket, tls.context);
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    co_await pour(stream, flood, said);
  });
  tls.connect(rig, kind, server.port(), {.body_limit = limit});
  check_cut(rig, said);
}

TEST_CASE("The cloud's plain transport bounds a chunk and a head") {
  const Flood flood = any_flood();
  INFO(flood.name);
  std::size_t said = 0;
  Rig rig;
  const RawServer server(
      rig.io, [&](Socket socket, int) -> Task<void> { co_await pour(*socket, flood, said); });
  rig.transport =
      make_rest_transport(rig.io, rig.clock,
                          {.scheme = "http", .host = "127.0.0.1", .port = server.port()}, {},
                          {.body_limit = limit})
          .value();
  check_cut(rig, said);
}

TEST_CASE("The limit is for one answer: many may come over one connection, by any TLS") {
  const Kind kind = with_both();
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  constexpr std::size_t size = 60u << 10;
  TlsServer tls;
  SSL_CTX_set_max_proto_version(tls.context.native_handle(), version);
  Rig rig;
  const RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    TlsSocket stream(*socket, tls.context);
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    std::string said;
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) +
                               "\r\n\r\n" + std::string(size, 'x');
    for (;;) {
      said.erase(0, co_await asio::async_read_until(stream, asio::dynamic_buffer(said), "\r\n\r\n",
                                                    asio::use_awaitable));
      co_await asio::async_write(stream, asio::buffer(answer), asio::use_awaitable);
    }
  });
  tls.connect(rig, kind, server.port(), {.body_limit = size, .max_connections = 1});
  for (int i = 0; i < 20; ++i) {
    const auto answer = rig.get("/");
    REQUIRE(answer);
    CHECK(answer->body.size() == size);
  }
  CHECK(server.connections() < 20);
}

TEST_CASE("A server that asks for key updates gets no larger answer through") {
  std::size_t said = 0;
  TlsServer tls;
  Rig rig;
  const RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    TlsSocket stream(*socket, tls.context);
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    std::string head;
    co_await asio::async_read_until(stream, asio::dynamic_buffer(head), "\r\n\r\n",
                                    asio::use_awaitable);
    const std::string begin = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n";
    co_await asio::async_write(stream, asio::buffer(begin), asio::use_awaitable);
    const std::string piece(64u << 10, 'x');
    while (said < most_said) {
      SSL_key_update(stream.native_handle(), SSL_KEY_UPDATE_REQUESTED);
      said += co_await asio::async_write(stream, asio::buffer(piece), asio::use_awaitable);
    }
  });
  tls.connect(rig, Kind::cpprest, server.port(), {.body_limit = limit});
  CHECK(rig.get("/").error().kind == Error::Kind::malformed);
  CHECK(said < most_taken);
}

}  // namespace portcullis::net::test
