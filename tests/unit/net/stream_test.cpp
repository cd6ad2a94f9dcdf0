#include <boost/asio/ssl.hpp>
#include <catch2/catch.hpp>

#include "rig.hpp"
#include "support/certificates.hpp"

namespace portcullis::net::test {
namespace {

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Y: z\r\n\r\n";

std::unique_ptr<BodyStream> open(Rig& rig, Duration deadline = seconds(20)) {
  auto stream = run(rig.io, rig.transport->stream({.target = "/watch"}, deadline));
  if (!stream) throw std::runtime_error(stream.error().message);
  return std::move(*stream);
}

Result<std::string> read(Rig& rig, BodyStream& stream, Duration idle = seconds(20)) {
  return run(rig.io, stream.read(idle));
}

/// Reads until so many bytes have come; pieces may be cut anywhere.
std::string read_bytes(Rig& rig, BodyStream& stream, std::size_t size) {
  std::string all;
  while (all.size() < size) {
    const auto piece = read(rig, stream);
    if (!piece || piece->empty()) break;
    all += *piece;
  }
  return all;
}

Task<void> read_and_keep(BodyStream& stream, std::vector<Result<std::string>>& results) {
  results.push_back(co_await stream.read(seconds(20)));
}

}  // namespace

TEST_CASE("A stream opens with the head and gives pieces as they come, to the clean end") {
  Rig rig;
  Socket other;
  RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    other = socket;
    co_await read_head(socket);
    co_await say(socket, chunked_head);
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port());
  const auto stream = open(rig);
  CHECK(stream->status() == 200);
  CHECK(find_header(stream->headers(), "x-y") == "z");
  run(rig.io, say(other, "5\r\nfirst\r\n"));
  CHECK(read(rig, *stream) == "first");
  // Half a chunk is a piece, too: a watch must not wait for the next event to see this one.
  run(rig.io, say(other, "6\r\nsec"));
  CHECK(read(rig, *stream) == "sec");
  run(rig.io, say(other, "ond\r\n3\r\n+++\r\n"));
  CHECK(read_bytes(rig, *stream, 6) == "ond+++");
  run(rig.io, say(other, "0\r\n\r\n"));
  CHECK(read(rig, *stream) == "");
  CHECK(read(rig, *stream) == "");
}

TEST_CASE("What comes together with the head is read first") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, chunked_head + "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port());
  const auto stream = open(rig);
  CHECK(read_bytes(rig, *stream, 6) == "abcdef");
  CHECK(read(rig, *stream) == "");
}

TEST_CASE("A stream may have a length, or end with the connection") {
  const std::string head = GENERATE("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
                                    "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n");
  Rig rig;
  RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, head + "body");
  });
  rig.connect(Kind::beast, server.port());
  const auto stream = open(rig);
  CHECK(read_bytes(rig, *stream, 4) == "body");
  CHECK(read(rig, *stream) == "");
}

TEST_CASE("A refusal comes as a stream with its status and its words") {
  Rig rig;
  rig.serve([](const Request&) {
    return Response{.status = 410, .headers = {}, .body = "{\"reason\":\"Expired\"}"};
  });
  rig.connect(Kind::beast, rig.server->port());
  const auto stream = open(rig);
  CHECK(stream->status() == 410);
  CHECK(read_bytes(rig, *stream, 20) == "{\"reason\":\"Expired\"}");
}

TEST_CASE("A stream that breaks off is unavailable, and stays so") {
  const std::string rest = GENERATE("", "5\r\nfirst\r\n", "50\r\nfirst");
  Rig rig;
  RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, chunked_head + rest);
  });
  rig.connect(Kind::beast, server.port());
  const auto stream = open(rig);
  if (!rest.empty()) CHECK(read(rig, *stream) == "first");
  for (int i = 0; i < 2; ++i) {
    const auto end = read(rig, *stream);
    REQUIRE_FALSE(end);
    CHECK(end.error().kind == Error::Kind::unavailable);
  }
}

TEST_CASE("Nonsense between chunks is malformed") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, chunked_head + "3\r\nabc\r\nnonsense\r\n");
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port());
  const auto stream = open(rig);
  CHECK(read(rig, *stream) == "abc");
  const auto piece = read(rig, *stream);
  REQUIRE_FALSE(piece);
  CHECK(piece.error().kind == Error::Kind::malformed);
}

TEST_CASE("A silent stream is a timeout after `idle`, counted from each read") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, chunked_head);
    asio::steady_timer pause(socket->get_executor());
    for (int i = 0; i < 6; ++i) {
      pause.expires_after(milliseconds(50));
      co_await pause.async_wait(asio::use_awaitable);
      co_await say(socket, "1\r\nx\r\n");
    }
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port());
  const auto stream = open(rig);
  // Longer than `idle` in all, but never silent for so long.
  CHECK(read_bytes(rig, *stream, 6) == "xxxxxx");
  const auto before = rig.clock.boot_now();
  const auto end = read(rig, *stream, milliseconds(150));
  REQUIRE_FALSE(end);
  CHECK(end.error().kind == Error::Kind::timeout);
  CHECK(rig.clock.boot_now() - before >= milliseconds(149));
}

TEST_CASE("The head of a stream has a deadline, its body has not") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int number) -> Task<void> {
    co_await read_head(socket);
    if (number == 0) co_await read_all(socket);
    co_await say(socket, chunked_head);
    asio::steady_timer pause(socket->get_executor(), milliseconds(300));
    co_await pause.async_wait(asio::use_awaitable);
    co_await say(socket, "4\r\nlate\r\n");
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port());
  const auto none = run(rig.io, rig.transport->stream({.target = "/"}, milliseconds(100)));
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == Error::Kind::timeout);
  const auto stream = open(rig, milliseconds(200));
  CHECK(read(rig, *stream) == "late");
}

TEST_CASE("Closing a stream, its transport or its owner ends a pending read") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, chunked_head);
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port());
  auto stream = open(rig);
  std::vector<Result<std::string>> results;
  asio::co_spawn(rig.io, read_and_keep(*stream, results), asio::detached);
  REQUIRE_FALSE(run_until(rig.io, [&] { return !results.empty(); }, milliseconds(30)));
  const int how = GENERATE(0, 1, 2);
  if (how == 0) {
    stream->close();
    stream->close();
  } else if (how == 1) {
    rig.transport->close();
  } else {
    stream.reset();
  }
  REQUIRE(run_until(rig.io, [&] { return !results.empty(); }));
  REQUIRE_FALSE(results[0]);
  CHECK(results[0].error().kind == Error::Kind::cancelled);
  if (stream) CHECK(read(rig, *stream).error().kind == Error::Kind::cancelled);
}

TEST_CASE("A closed stream gives nothing, not even what has come") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, chunked_head + "3\r\nabc\r\n");
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port());
  const auto stream = open(rig);
  stream->close();
  CHECK(read(rig, *stream).error().kind == Error::Kind::cancelled);
}

TEST_CASE("A reader that is slow slows the server down") {
  Rig rig;
  std::size_t sent = 0;
  RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, chunked_head);
    std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
    for (int i = 0; i < 2000; ++i) {
      co_await say(socket, chunk);
      sent += 0x10000;
    }
    co_await say(socket, "0\r\n\r\n");
  });
  rig.connect(Kind::beast, server.port());
  const auto stream = open(rig);
  // Nobody reads: the server stops once the kernel's buffers are full, long before its 125 MiB.
  std::size_t last = 1;
  while (last != sent) {
    last = sent;
    run_until(rig.io, [] { return false; }, milliseconds(100));
  }
  CHECK(sent < (32u << 20));
  std::size_t got = 0;
  std::size_t largest = 0;
  for (;;) {
    const auto piece = read(rig, *stream);
    REQUIRE(piece);
    if (piece->empty()) break;
    got += piece->size();
    largest = std::max(largest, piece->size());
  }
  CHECK(got == std::size_t{2000} * 0x10000);
  CHECK(largest <= (64u << 10));
  CHECK(largest > (16u << 10));
}

TEST_CASE("Streams take no turns from requests") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    const std::string head = co_await read_head(socket);
    co_await say(socket, head.starts_with("GET /watch")
                             ? chunked_head
                             : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port(), {.max_connections = 1});
  const auto one = open(rig);
  const auto two = open(rig);
  CHECK(rig.get("/")->body == "ok");
}

TEST_CASE("A stream goes over TLS, and a truncated one is not an end") {
  const auto authority = portcullis::test::make_authority();
  const auto certificate =
      portcullis::test::make_certificate({.names = {"IP:127.0.0.1"}}, &authority);
  Rig rig;
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.use_certificate_chain(asio::buffer(certificate.pem));
  context.use_private_key(asio::buffer(certificate.key_pem.reveal()), asio::ssl::context::pem);
  const bool is_clean = GENERATE(true, false);
  RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    asio::ssl::stream<tcp::socket&> tls(*socket, context);
    co_await tls.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    std::string head;
    co_await asio::async_read_until(tls, asio::dynamic_buffer(head), "\r\n\r\n",
                                    asio::use_awaitable);
    // The end of the connection is the end of the body: only TLS can say that it is the real one.
    const std::string answer = "HTTP/1.1 200 OK\r\n\r\nsecret";
    co_await asio::async_write(tls, asio::buffer(answer), asio::use_awaitable);
    if (is_clean) co_await tls.async_shutdown(asio::use_awaitable);
  });
  rig.connect(Kind::beast, {.scheme = "https", .host = "127.0.0.1", .port = server.port()},
              {.ca_pem = authority.pem});
  const auto stream = open(rig);
  CHECK(read_bytes(rig, *stream, 6) == "secret");
  const auto end = read(rig, *stream);
  if (is_clean) {
    CHECK(end == "");
  } else {
    REQUIRE_FALSE(end);
    CHECK(end.error().kind == Error::Kind::unavailable);
  }
}

TEST_CASE("The io_context may go while a stream is read, and the stream afterwards") {
  std::unique_ptr<BodyStream> stream;
  std::vector<Result<std::string>> results;
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, chunked_head);
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port());
  stream = open(rig);
  if (GENERATE(true, false)) {
    asio::co_spawn(rig.io, read_and_keep(*stream, results), asio::detached);
    run_until(rig.io, [] { return false; }, milliseconds(20));
  }
}

TEST_CASE("cpprest has no streams") {
  Rig rig;
  rig.connect(Kind::cpprest, 1);
  const auto stream = run(rig.io, rig.transport->stream({.target = "/"}, seconds(1)));
  REQUIRE_FALSE(stream);
  CHECK(stream.error().kind == Error::Kind::unsupported);
}

}  // namespace portcullis::net::test
