#include <catch2/catch.hpp>

#include "base/time.hpp"
#include "rig.hpp"
#include "support/certificates.hpp"

namespace portcullis::net::test {
namespace {

Response echo(const Request& request) {
  return {.status = 200,
          .headers = {{"Content-Type", "text/plain"}},
          .body = request.method + " " + request.target + " " + request.body};
}

/// The statuses of the answers in `text`, in order.
std::vector<std::string> statuses(const std::string& text) {
  std::vector<std::string> found;
  for (std::size_t at = text.find("HTTP/1.1 "); at != std::string::npos;
       at = text.find("HTTP/1.1 ", at + 1)) {
    found.push_back(text.substr(at + 9, 3));
  }
  return found;
}

std::string ask(Rig& rig, std::string bytes) {
  return run(rig.io, ask_raw(rig.server->port(), std::move(bytes)));
}

Task<Socket> connect_raw(std::uint16_t port) {
  const auto socket = std::make_shared<tcp::socket>(co_await asio::this_coro::executor);
  co_await socket->async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
  co_return socket;
}

Task<std::string> say_and_read_head(Socket socket, std::string bytes) {
  co_await say(socket, std::move(bytes));
  co_return co_await read_head(socket);
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("An answer has a length and a date, and says when the connection ends") {
  Rig rig;
  rig.serve(echo);
  const std::string answer = ask(rig, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200 OK\r\n"));
  CHECK_THAT(answer, Catch::Contains("\r\nContent-Length: 7\r\n"));
  CHECK_THAT(answer, Catch::Contains("\r\nConnection: close\r\n"));
  CHECK_THAT(answer, Catch::EndsWith("\r\n\r\nGET /a "));
  const auto at = answer.find("\r\nDate: ") + 8;
  const auto date = parse_http_date(answer.substr(at, answer.find("\r\n", at) - at));
  REQUIRE(date);
  CHECK(std::chrono::abs(*date - rig.clock.now()) < seconds(3));
}

TEST_CASE("Dates are those of HTTP") {
  Rig rig;
  rig.serve([](const Request&) {
    return Response{.status = 200, .headers = {{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"}}};
  });
  rig.connect(Kind::beast, rig.server->port());
  // The Response's own date stands alone.
  const auto answer = rig.get("/");
  CHECK(answer->header("Date") == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(std::ranges::count(answer->headers, "Date", &Header::name) == 1);
}

TEST_CASE("Pipelined requests are answered in order") {
  Rig rig;
  rig.serve(echo);
  const std::string answer = ask(rig,
                                 "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
                                 "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                                 "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(statuses(answer) == Strings{"200", "200", "200"});
  const auto one = answer.find("GET /1 ");
  const auto two = answer.find("POST /2 abc");
  const auto three = answer.find("GET /3 ");
  CHECK((one < two && two < three && three != std::string::npos));
}

TEST_CASE("HEAD, 204 and 304 have no body and leave the connection in order") {
  Rig rig;
  rig.serve([](const Request& request) {
    return Response{.status = request.target == "/" ? 200 : std::stoi(request.target.substr(1)),
                    .headers = {{"Content-Length", "99"}, {"Transfer-Encoding", "chunked"}},
                    .body = "body!"};
  });
  const std::string answer = ask(rig,
                                 "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
                                 "GET /204 HTTP/1.1\r\nHost: h\r\n\r\n"
                                 "GET /304 HTTP/1.1\r\nHost: h\r\n\r\n"
                                 "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(statuses(answer) == Strings{"200", "204", "304", "200"});
  CHECK(answer.find("body!") == answer.size() - 5);
  const auto after_head = answer.find("HTTP/1.1 204");
  CHECK(answer.substr(0, after_head).find("Content-Length: 5\r\n") != std::string::npos);
  CHECK(
      answer.substr(after_head, answer.rfind("HTTP/1.1 200") - after_head).find("Content-Length") ==
      std::string::npos);
  CHECK(answer.find("Transfer-Encoding") == std::string::npos);
}

TEST_CASE("HTTP/1.0 is answered and hung up on") {
  Rig rig;
  rig.serve(echo);
  CHECK(statuses(ask(rig, "GET /old HTTP/1.0\r\n\r\n")) == Strings{"200"});
}

TEST_CASE("A chunked request is put together") {
  Rig rig;
  rig.serve(echo);
  ask(rig,
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
  REQUIRE(rig.requests.size() == 1);
  CHECK(rig.requests[0].body == "abcdefg");
}

TEST_CASE("What is not HTTP, or not clear, gets 400, reaches no handler and ends the connection") {
  const std::string request = GENERATE(
      "nonsense\r\n\r\n", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "GET /\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nNo colon\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "G\x01T / HTTP/1.1\r\nHost: h\r\n\r\n",
      "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3x\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
      "0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
  CAPTURE(request);
  Rig rig;
  rig.serve(echo);
  // What follows must not be taken for a request of its own.
  const std::string answer =
      ask(rig, request + "GET /smuggled HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(statuses(answer) == Strings{"400"});
  CHECK_THAT(answer, Catch::Contains("Connection: close"));
  CHECK(rig.requests.empty());
}

TEST_CASE("A head past the limit gets 431, one below it is served") {
  Rig rig;
  rig.serve(echo, {.header_limit = 2048});
  const auto with_header = [](std::size_t size) {
    return "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: " + std::string(size, 'x') +
           "\r\n\r\n";
  };
  CHECK(statuses(ask(rig, with_header(1500))) == Strings{"200"});
  CHECK(statuses(ask(rig, with_header(3000))) == Strings{"431"});
  CHECK(statuses(ask(rig, with_header(200'000))) == Strings{"431"});
  CHECK(statuses(ask(rig, "GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n")) ==
        Strings{"431"});
  CHECK(rig.requests.size() == 1);
}

TEST_CASE("A body past the limit gets 413, told or found out; one of that size is served") {
  Rig rig;
  rig.serve(echo, {.body_limit = 1000});
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  const std::string fits(1000, 'x');
  CHECK(statuses(ask(rig, head + "Content-Length: 1000\r\n\r\n" + fits)) == Strings{"200"});
  CHECK(statuses(ask(rig, head + "Content-Length: 1001\r\n\r\n")) == Strings{"413"});
  CHECK(statuses(ask(rig, head + "Content-Length: 900000\r\n\r\n" + std::string(900'000, 'x'))) ==
        Strings{"413"});
  CHECK(statuses(ask(rig, head + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + fits +
                              "\r\n1\r\nx\r\n0\r\n\r\n")) == Strings{"413"});
  CHECK(rig.requests.size() == 1);
}

TEST_CASE("A client that asks first is told to go on") {
  Rig rig;
  rig.serve(echo);
  const auto socket = run(rig.io, connect_raw(rig.server->port()));
  const std::string interim =
      run(rig.io, say_and_read_head(socket,
                                    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
                                    "Expect: 100-continue\r\nConnection: close\r\n\r\n"));
  CHECK(interim == "HTTP/1.1 100 Continue\r\n\r\n");
  run(rig.io, say(socket, "body"));
  CHECK(statuses(run(rig.io, read_all(socket))) == Strings{"200"});
  CHECK(rig.requests.at(0).body == "body");
}

TEST_CASE("A client that is slower than the deadline is cut, however busy it looks") {
  const std::string start =
      GENERATE("", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n");
  Rig rig;
  rig.serve(echo, {.read_deadline = milliseconds(200)});
  const auto before = rig.clock.boot_now();
  const auto socket = run(rig.io, connect_raw(rig.server->port()));
  run(rig.io, say(socket, start + "G"));
  const auto trickle = [](Socket out) -> Task<void> {
    asio::steady_timer pause(out->get_executor());
    for (;;) {
      pause.expires_after(milliseconds(10));
      co_await pause.async_wait(asio::use_awaitable);
      co_await say(out, "E");
    }
  };
  asio::co_spawn(rig.io, trickle(socket), [](std::exception_ptr) {});
  run(rig.io, read_all(socket));
  const auto took = rig.clock.boot_now() - before;
  CHECK(took >= milliseconds(199));
  CHECK(took < seconds(5));
  CHECK(rig.requests.empty());
}

TEST_CASE("An idle connection is closed after its time") {
  Rig rig;
  rig.serve(echo, {.idle_timeout = milliseconds(100)});
  const auto before = rig.clock.boot_now();
  CHECK(statuses(ask(rig, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")) == Strings{"200"});
  CHECK(rig.clock.boot_now() - before >= milliseconds(99));
}

TEST_CASE("A client that never shakes hands is cut") {
  const auto certificate = portcullis::test::make_certificate({});
  Rig rig;
  rig.serve(echo, {.certificate_pem = certificate.pem,
                   .key_pem = certificate.key_pem,
                   .read_deadline = milliseconds(100)});
  CHECK(ask(rig, "").empty());
}

TEST_CASE("An answer that nobody takes does not hold its connection for ever") {
  Rig rig;
  rig.serve(
      [](const Request&) {
        return Response{.status = 200, .headers = {}, .body = std::string(64u << 20, 'x')};
      },
      {.read_deadline = milliseconds(300)});
  const auto socket = run(rig.io, connect_raw(rig.server->port()));
  run(rig.io, say(socket, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  // Nothing is read until the server has given up.
  run_until(rig.io, [] { return false; }, milliseconds(1000));
  CHECK(run(rig.io, read_all(socket)).size() < (64u << 20));
}

TEST_CASE("Status 0 is a lost answer, an exception a 500") {
  Rig rig;
  rig.serve([](const Request& request) -> Response {
    if (request.target == "/throw") throw std::runtime_error("a defect");
    if (request.target == "/inject") {
      return {.status = 200, .headers = {{"X", "a\r\nSet-Cookie: b"}}};
    }
    return {.status = 0};
  });
  CHECK(ask(rig, "GET / HTTP/1.1\r\nHost: h\r\n\r\n").empty());
  CHECK(rig.requests.size() == 1);
  const std::string answer = ask(rig,
                                 "GET /throw HTTP/1.1\r\nHost: h\r\n\r\n"
                                 "GET /inject HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(statuses(answer) == Strings{"500", "500"});
  CHECK(answer.find("defect") == std::string::npos);
  CHECK(answer.find("Set-Cookie") == std::string::npos);
}

TEST_CASE("At the limit the longest idle makes room, and a busy one does not") {
  Rig rig;
  rig.serve(echo, {.max_connections = 2});
  const std::string request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  const auto oldest = run(rig.io, connect_raw(rig.server->port()));
  run(rig.io, say_and_read_head(oldest, request));
  const auto busy = run(rig.io, connect_raw(rig.server->port()));
  run(rig.io, say_and_read_head(busy, request));
  run(rig.io, say(busy, "GET / HT"));
  run_until(rig.io, [] { return false; }, milliseconds(30));

  const auto third = run(rig.io, connect_raw(rig.server->port()));
  CHECK_THAT(run(rig.io, say_and_read_head(third, request)), Catch::StartsWith("HTTP/1.1 200"));
  CHECK(statuses(run(rig.io, read_all(oldest))).empty());
  run(rig.io, say(third, "GET / HT"));
  run_until(rig.io, [] { return false; }, milliseconds(30));

  CHECK(ask(rig, "").empty());
  CHECK_THAT(run(rig.io, say_and_read_head(busy, "TP/1.1\r\nHost: h\r\n\r\n")),
             Catch::Contains("HTTP/1.1 200"));
}

TEST_CASE("Close ends listening and every connection") {
  Rig rig;
  rig.serve(echo);
  const auto socket = run(rig.io, connect_raw(rig.server->port()));
  run(rig.io, say_and_read_head(socket, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  const std::uint16_t port = rig.server->port();
  if (GENERATE(true, false)) {
    rig.server->close();
    rig.server->close();
  } else {
    rig.server.reset();
  }
  run(rig.io, read_all(socket));
  CHECK_THROWS(run(rig.io, connect_raw(port)));
  rig.io.restart();
  rig.io.run_for(seconds(10));
  CHECK(rig.io.stopped());
}

TEST_CASE("A taken port and a broken certificate are told at once") {
  Rig rig;
  rig.serve(echo);
  const auto handler = [](Request, Server::Peer) -> Task<Response> { co_return Response{}; };
  const auto taken = make_server(rig.io, rig.clock, {.port = rig.server->port()}, handler);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().kind == Error::Kind::unavailable);
  const auto broken = make_server(rig.io, rig.clock, {.certificate_pem = "x"}, handler);
  REQUIRE_FALSE(broken);
  CHECK(broken.error().kind == Error::Kind::invalid);
  const auto nowhere = make_server(rig.io, rig.clock, {.address = "localhost"}, handler);
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().kind == Error::Kind::invalid);
}

TEST_CASE("A handler is told the client's address") {
  Rig rig;
  std::string address;
  auto server =
      make_server(rig.io, rig.clock, {}, [&](Request, Server::Peer peer) -> Task<Response> {
        address = peer.address;
        co_return Response{.status = 204};
      });
  REQUIRE(server);
  rig.server = std::move(*server);
  rig.connect(Kind::beast, rig.server->port());
  CHECK(rig.get("/")->status == 204);
  CHECK(address == "127.0.0.1");
}

}  // namespace portcullis::net::test
