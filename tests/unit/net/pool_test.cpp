#include <catch2/catch.hpp>

#include "rig.hpp"
#include "support/fake_clock.hpp"

namespace portcullis::net::test {
namespace {

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace

TEST_CASE("A GET is sent again when the connection at rest dies under it; a write is not") {
  const std::string method = GENERATE("GET", "POST", "PUT", "DELETE", "HEAD");
  Rig rig;
  int heads = 0;
  RawServer server(rig.io, [&](Socket socket, int number) -> Task<void> {
    co_await read_head(socket);
    ++heads;
    co_await say(socket, ok);
    co_await read_head(socket);
    ++heads;
    // The first connection dies over its second request, without a byte of an answer.
    if (number != 0) co_await say(socket, ok);
  });
  rig.connect(Kind::beast, server.port());
  REQUIRE(rig.get("/"));
  const auto answer = rig.send({.method = method, .target = "/"});
  if (method == "GET") {
    REQUIRE(answer);
    CHECK(heads == 3);
  } else {
    REQUIRE_FALSE(answer);
    CHECK(answer.error().kind == Error::Kind::unavailable);
    CHECK(heads == 2);
  }
}

TEST_CASE("A GET is not sent again once the answer has begun, nor on a new connection") {
  const bool reused = GENERATE(true, false);
  Rig rig;
  int heads = 0;
  RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    if (reused) {
      co_await read_head(socket);
      co_await say(socket, ok);
    }
    co_await read_head(socket);
    ++heads;
    if (reused) co_await say(socket, "HTTP/1.1 2");
  });
  rig.connect(Kind::beast, server.port());
  if (reused) REQUIRE(rig.get("/"));
  const auto answer = rig.get("/");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::unavailable);
  CHECK(heads == 1);
}

TEST_CASE("A write does not meet a connection on which the server has hung up") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, ok);
  });
  rig.connect(Kind::beast, server.port());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(rig.send({.method = "POST", .target = "/"}));
    run_until(rig.io, [] { return false; }, milliseconds(2));
  }
  CHECK(server.connections() == 20);
}

TEST_CASE("Bytes that nobody asked for are not taken for the next answer") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    for (;;) {
      co_await read_head(socket);
      co_await say(socket, ok + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    }
  });
  rig.connect(Kind::beast, server.port());
  for (int i = 0; i < 3; ++i) CHECK(rig.get("/")->body == "ok");
  CHECK(server.connections() == 3);
}

TEST_CASE("Interim answers are skipped; a switch of protocol is malformed") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    const std::string head = co_await read_head(socket);
    co_await say(socket, head.starts_with("GET /switch")
                             ? "HTTP/1.1 101 Switching Protocols\r\n\r\n"
                             : "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
                               "Link: </x>\r\n\r\n" +
                                   ok);
    co_await read_all(socket);
  });
  rig.connect(Kind::beast, server.port());
  CHECK(rig.get("/")->body == "ok");
  rig.connect(Kind::beast, server.port());
  CHECK(rig.get("/switch").error().kind == Error::Kind::malformed);
}

TEST_CASE("An answer to a body that was not read to its end is heard") {
  Rig rig;
  rig.serve([](const Request&) { return Response{.status = 200, .headers = {}, .body = ""}; },
            {.body_limit = 1000});
  rig.connect(Kind::beast, rig.server->port());
  const auto answer =
      rig.send({.method = "PUT", .target = "/", .body = std::string(3u << 20, 'x')});
  REQUIRE(answer);
  CHECK(answer->status == 413);
}

TEST_CASE("A head without end is malformed") {
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 200 OK\r\n");
    for (;;) co_await say(socket, "X-Filler: " + std::string(1000, 'x') + "\r\n");
  });
  rig.connect(Kind::beast, server.port());
  CHECK(rig.get("/").error().kind == Error::Kind::malformed);
}

TEST_CASE("A name that no server knows is unavailable") {
  Rig rig;
  rig.connect(Kind::beast, {.scheme = "http", .host = "no-such-host.invalid", .port = 80}, {});
  const auto answer = rig.get("/");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::unavailable);
  CHECK_THAT(answer.error().message, Catch::Contains("no-such-host.invalid"));
}

TEST_CASE("Waiting follows the clock that was given") {
  portcullis::test::FakeClock clock;
  std::unique_ptr<Transport> transport;
  std::optional<Result<Response>> result;
  asio::io_context io;
  RawServer server(io, [](Socket socket, int number) -> Task<void> {
    if (number == 0) {
      co_await read_head(socket);
      co_await say(socket, ok);
    }
    co_await read_all(socket);
  });
  transport = std::move(*make_beast_transport(
      io, clock, {.scheme = "http", .host = "127.0.0.1", .port = server.port()}, {}));
  const auto start = [&] {
    result.reset();
    asio::co_spawn(io, transport->send({.target = "/"}, std::chrono::hours(1)),
                   [&](std::exception_ptr, Result<Response> got) { result = std::move(got); });
  };
  start();
  REQUIRE(run_until(io, [&] { return result.has_value(); }));
  CHECK(*result);
  // An hour's rest is more than a pooled connection gets: the next request meets a new one.
  clock.advance(std::chrono::minutes(59));
  portcullis::test::settle(io);
  start();
  REQUIRE(run_until(io, [&] { return server.connections() == 2; }));
  clock.advance(std::chrono::minutes(59));
  CHECK_FALSE(run_until(io, [&] { return result.has_value(); }, milliseconds(50)));
  clock.advance(std::chrono::minutes(1));
  REQUIRE(run_until(io, [&] { return result.has_value(); }));
  CHECK(result->error().kind == Error::Kind::timeout);
}

TEST_CASE("A transport at rest keeps nothing alive") {
  Rig rig;
  rig.serve([](const Request&) { return Response{.status = 200, .headers = {}, .body = ""}; });
  rig.connect(Kind::beast, rig.server->port());
  REQUIRE(rig.get("/"));
  rig.transport->close();
  rig.server->close();
  rig.io.restart();
  rig.io.run_for(seconds(10));
  CHECK(rig.io.stopped());
}

}  // namespace portcullis::net::test
