#include <catch2/catch.hpp>

#include "rig.hpp"

namespace portcullis::net::test {
namespace {

Task<void> send_and_keep(Transport& transport, Request request, Duration deadline,
                         std::vector<Result<Response>>& results) {
  results.push_back(co_await transport.send(std::move(request), deadline));
}

void start(Rig& rig, Request request, std::vector<Result<Response>>& results,
           Duration deadline = seconds(20)) {
  asio::co_spawn(rig.io, send_and_keep(*rig.transport, std::move(request), deadline, results),
                 asio::detached);
}

}  // namespace

TEST_CASE("More requests than turns wait and are served in order") {
  const Kind kind = with_both();
  Rig rig;
  int open = 0;
  int most = 0;
  std::vector<std::string> order;
  RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    for (;;) {
      const std::string head = co_await read_head(socket);
      most = std::max(most, ++open);
      order.push_back(head.substr(5, head.find(' ', 5) - 5));
      asio::steady_timer pause(socket->get_executor(), milliseconds(5));
      co_await pause.async_wait(asio::use_awaitable);
      --open;
      co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  rig.connect(kind, server.port(), {.max_connections = 1});
  std::vector<Result<Response>> results;
  for (int i = 0; i < 12; ++i) start(rig, {.target = "/" + std::to_string(i)}, results);
  REQUIRE(run_until(rig.io, [&] { return results.size() == 12; }));
  for (const auto& result : results) CHECK(result);
  CHECK(most == 1);
  for (int i = 0; i < 12; ++i) CHECK(order[static_cast<std::size_t>(i)] == std::to_string(i));
}

TEST_CASE("Many requests at once are all answered, at most as many at a time as allowed") {
  const Kind kind = with_both();
  Rig rig;
  int open = 0;
  int most = 0;
  RawServer server(rig.io, [&](Socket socket, int) -> Task<void> {
    for (;;) {
      co_await read_head(socket);
      most = std::max(most, ++open);
      asio::steady_timer pause(socket->get_executor(), milliseconds(1));
      co_await pause.async_wait(asio::use_awaitable);
      --open;
      co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  rig.connect(kind, server.port(), {.max_connections = 4});
  std::vector<Result<Response>> results;
  for (int i = 0; i < 200; ++i) start(rig, {.target = "/"}, results);
  REQUIRE(run_until(rig.io, [&] { return results.size() == 200; }));
  for (const auto& result : results) CHECK(result);
  CHECK(most == 4);
  // cpprest puts a connection back a little after it has given the answer, so it makes some more.
  CHECK(server.connections() <= (kind == Kind::beast ? 4 : 50));
}

TEST_CASE("A request that waits for its turn has a deadline, too") {
  const Kind kind = with_both();
  Rig rig;
  RawServer server(rig.io, never());
  rig.connect(kind, server.port(), {.max_connections = 1});
  std::vector<Result<Response>> results;
  start(rig, {.target = "/first"}, results, seconds(20));
  start(rig, {.target = "/second"}, results, milliseconds(50));
  REQUIRE(run_until(rig.io, [&] { return results.size() == 1; }));
  REQUIRE_FALSE(results[0]);
  CHECK(results[0].error().kind == Error::Kind::timeout);
}

TEST_CASE("Close ends what is under way, what waits and what comes later") {
  const Kind kind = with_both();
  Rig rig;
  RawServer server(rig.io, never());
  rig.connect(kind, server.port(), {.max_connections = 1});
  std::vector<Result<Response>> results;
  start(rig, {.target = "/first"}, results);
  start(rig, {.target = "/second"}, results);
  REQUIRE(run_until(rig.io, [&] { return server.connections() == 1; }));
  rig.transport->close();
  rig.transport->close();
  REQUIRE(run_until(rig.io, [&] { return results.size() == 2; }));
  results.push_back(rig.get("/third"));
  for (const auto& result : results) {
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == Error::Kind::cancelled);
  }
}

TEST_CASE("A transport may go while requests are under way") {
  const Kind kind = with_both();
  Rig rig;
  RawServer server(rig.io, never());
  rig.connect(kind, server.port());
  std::vector<Result<Response>> results;
  start(rig, {.target = "/"}, results);
  REQUIRE(run_until(rig.io, [&] { return server.connections() == 1; }));
  rig.transport.reset();
  REQUIRE(run_until(rig.io, [&] { return results.size() == 1; }));
  CHECK(results[0].error().kind == Error::Kind::cancelled);
}

TEST_CASE("The io_context may go while requests are under way and connections rest") {
  const Kind kind = with_both();
  std::vector<Result<Response>> results;
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    for (;;) {
      const auto head = co_await read_head(socket);
      if (head.starts_with("GET /hang")) co_await read_all(socket);
      co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  rig.connect(kind, server.port());
  start(rig, {.target = "/hang"}, results);
  REQUIRE(run_until(rig.io, [&] { return server.connections() == 1; }));
  REQUIRE(rig.get("/"));
  // ~Rig destroys the io_context first. AddressSanitizer is the judge of the rest.
}

}  // namespace portcullis::net::test
