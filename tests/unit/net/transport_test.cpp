#include <catch2/catch.hpp>

#include "rig.hpp"

namespace portcullis::net::test {
namespace {

Response text(int status, std::string body) {
  return {.status = status, .headers = {{"Content-Type", "text/plain"}}, .body = std::move(body)};
}

std::string every_byte(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31 + i / 251) & 0xff);
  return bytes;
}

/// A server that says `answer` after each head, on every connection.
RawServer::Script always(std::string answer) {
  return [answer](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, answer);
  };
}

}  // namespace

TEST_CASE("A request arrives as it was given, and the answer too") {
  const Kind kind = with_both();
  Rig rig;
  rig.serve([](const Request&) {
    return Response{.status = 201, .headers = {{"X-Token", "a b;c=\"d\""}}, .body = "{\"a\": 1}"};
  });
  rig.connect(kind, rig.server->port());
  const auto answer = rig.send({.method = "PUT",
                                .target = "/a%20b/c%2Fd?api-version=2024-05-01&x=%26y",
                                .headers = {{"Authorization", "Bearer t"},
                                            {"Content-Type", "application/json"},
                                            {"If-Match", "\"etag\""}},
                                .body = "{}"});
  REQUIRE(answer);
  CHECK(answer->status == 201);
  CHECK(answer->header("x-token") == "a b;c=\"d\"");
  CHECK(answer->header("Date"));
  CHECK(answer->body == "{\"a\": 1}");
  REQUIRE(rig.requests.size() == 1);
  const Request& seen = rig.requests[0];
  CHECK(seen.method == "PUT");
  CHECK(seen.target == "/a%20b/c%2Fd?api-version=2024-05-01&x=%26y");
  CHECK(find_header(seen.headers, "authorization") == "Bearer t");
  CHECK(find_header(seen.headers, "Content-Type") == "application/json");
  CHECK(find_header(seen.headers, "If-Match") == "\"etag\"");
  CHECK(find_header(seen.headers, "Host") == "127.0.0.1:" + std::to_string(rig.server->port()));
  CHECK(find_header(seen.headers, "User-Agent")->starts_with("portcullis/"));
  CHECK_FALSE(find_header(seen.headers, "Accept-Encoding"));
  CHECK(seen.body == "{}");
}

TEST_CASE("Every status is an answer") {
  const Kind kind = with_both();
  Rig rig;
  rig.serve([](const Request& request) { return text(std::stoi(request.target.substr(1)), "b"); });
  rig.connect(kind, rig.server->port());
  for (const int status : {200, 202, 204, 304, 400, 401, 404, 409, 429, 500, 503, 599}) {
    const auto answer = rig.get("/" + std::to_string(status));
    REQUIRE(answer);
    CHECK(answer->status == status);
    CHECK(answer->body == (status == 204 || status == 304 ? "" : "b"));
  }
}

TEST_CASE("A redirect is an answer and is not followed") {
  const Kind kind = with_both();
  Rig rig;
  rig.serve([](const Request&) {
    return Response{.status = 302, .headers = {{"Location", "/elsewhere"}}, .body = ""};
  });
  rig.connect(kind, rig.server->port());
  const auto answer = rig.get("/");
  REQUIRE(answer);
  CHECK(answer->status == 302);
  CHECK(answer->header("Location") == "/elsewhere");
  CHECK(rig.requests.size() == 1);
}

TEST_CASE("HEAD has no body, whatever length it tells") {
  const Kind kind = with_both();
  Rig rig;
  rig.serve([](const Request&) { return text(200, "twelve bytes"); });
  rig.connect(kind, rig.server->port());
  const auto answer = rig.send({.method = "HEAD", .target = "/"});
  REQUIRE(answer);
  CHECK(answer->header("Content-Length") == "12");
  CHECK(answer->body.empty());
  CHECK(rig.get("/")->body == "twelve bytes");
}

TEST_CASE("Bodies of all bytes and of eight megabytes go both ways verbatim") {
  const Kind kind = with_both();
  const std::size_t size = GENERATE(std::size_t{1}, std::size_t{65'536}, std::size_t{8} << 20);
  Rig rig;
  rig.serve([](const Request& request) { return text(200, request.body); },
            {.body_limit = 16u << 20});
  rig.connect(kind, rig.server->port());
  const std::string body = every_byte(size);
  const auto answer = rig.send({.method = "POST", .target = "/", .body = body});
  REQUIRE(answer);
  CHECK((rig.requests[0].body == body));
  CHECK((answer->body == body));
}

TEST_CASE("A write without a body says so") {
  const Kind kind = with_both();
  const std::string method = GENERATE("POST", "PUT", "PATCH", "DELETE");
  Rig rig;
  rig.serve([](const Request&) { return text(200, "ok"); });
  rig.connect(kind, rig.server->port());
  REQUIRE(rig.send({.method = method, .target = "/"}));
  const auto length = find_header(rig.requests.at(0).headers, "Content-Length");
  CHECK((method == "DELETE" ? !length || length == "0" : length == "0"));
}

TEST_CASE("A connection serves many requests") {
  const Kind kind = with_both();
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    for (;;) {
      co_await read_head(socket);
      co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  rig.connect(kind, server.port());
  for (int i = 0; i < 20; ++i) CHECK(rig.get("/")->body == "ok");
  // cpprest puts a connection back a little after it has given the answer, so it may make some
  // more.
  CHECK(server.connections() <= (kind == Kind::beast ? 1 : 10));
}

TEST_CASE("Connection: close is obeyed") {
  const Kind kind = with_both();
  Rig rig;
  RawServer server(rig.io, always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                                  "Connection: close\r\n\r\nok"));
  rig.connect(kind, server.port());
  CHECK(rig.send({.method = "POST", .target = "/"})->body == "ok");
  CHECK(rig.send({.method = "POST", .target = "/"})->body == "ok");
  CHECK(server.connections() == 2);
}

TEST_CASE("A body without a length ends with the connection") {
  const Kind kind = with_both();
  Rig rig;
  RawServer server(rig.io, always("HTTP/1.1 200 OK\r\n\r\nto the end"));
  rig.connect(kind, server.port());
  CHECK(rig.get("/")->body == "to the end");
}

TEST_CASE("A chunked body is put together") {
  const Kind kind = with_both();
  Rig rig;
  RawServer server(rig.io, always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "4\r\nport\r\n6;x=y\r\ncullis\r\n0\r\n\r\n"));
  rig.connect(kind, server.port());
  CHECK(rig.get("/")->body == "portcullis");
}

TEST_CASE("A server that never answers is a timeout at the deadline") {
  const Kind kind = with_both();
  Rig rig;
  RawServer server(rig.io, never());
  rig.connect(kind, server.port());
  const auto before = rig.clock.boot_now();
  const auto answer = rig.send({.target = "/"}, milliseconds(200));
  const auto took = rig.clock.boot_now() - before;
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::timeout);
  CHECK(took >= milliseconds(199));
  CHECK(took < seconds(5));
}

TEST_CASE("The deadline bounds an answer that trickles") {
  const Kind kind = with_both();
  Rig rig;
  RawServer server(rig.io, [](Socket socket, int) -> Task<void> {
    co_await read_head(socket);
    co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    asio::steady_timer pause(socket->get_executor());
    for (;;) {
      co_await say(socket, "x");
      pause.expires_after(milliseconds(10));
      co_await pause.async_wait(asio::use_awaitable);
    }
  });
  rig.connect(kind, server.port());
  const auto answer = rig.send({.target = "/"}, milliseconds(300));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::timeout);
}

TEST_CASE("An answer that breaks off is unavailable, never half an answer") {
  const Kind kind = with_both();
  const std::string answer = GENERATE(
      "", "HTTP/1.1 200 OK\r\nContent-Len", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nfive!");
  CAPTURE(answer);
  Rig rig;
  RawServer server(rig.io, always(answer));
  rig.connect(kind, server.port());
  const auto got = rig.send({.method = "POST", .target = "/"});
  REQUIRE_FALSE(got);
  CHECK(got.error().kind == Error::Kind::unavailable);
}

TEST_CASE("A refused connection is unavailable") {
  const Kind kind = with_both();
  Rig rig;
  std::uint16_t port = 0;
  {
    const tcp::acceptor taken(rig.io, {asio::ip::make_address("127.0.0.1"), 0});
    port = taken.local_endpoint().port();
  }
  rig.connect(kind, port);
  const auto answer = rig.get("/");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::unavailable);
}

TEST_CASE("A body past the limit is malformed, with a length, in chunks or to the end") {
  const Kind kind = with_both();
  const std::string head = GENERATE("Content-Length: 5000\r\n\r\n",
                                    "Transfer-Encoding: chunked\r\n\r\n1388\r\n", "\r\n");
  Rig rig;
  RawServer server(rig.io, always("HTTP/1.1 200 OK\r\n" + head + std::string(5000, 'x') +
                                  (head.starts_with("T") ? "\r\n0\r\n\r\n" : "")));
  rig.connect(kind, server.port(), {.body_limit = 4999});
  const auto answer = rig.get("/");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::malformed);
  CHECK(answer.error().code == "BodyTooLarge");
  rig.connect(kind, server.port(), {.body_limit = 5000});
  CHECK(rig.get("/")->body.size() == 5000);
}

TEST_CASE("What would break the request line or a header is refused and not sent") {
  const Kind kind = with_both();
  Rig rig;
  rig.serve([](const Request&) { return text(200, ""); });
  rig.connect(kind, rig.server->port());
  const Request request = GENERATE(
      Request{.method = "GET /x", .target = "/"}, Request{.target = "/a b"},
      Request{.target = "/a\r\nX: y"}, Request{.target = ""}, Request{.target = "http://other/"},
      Request{.target = "/a#b"}, Request{.target = "/", .headers = {{"X", "a\r\nY: b"}}},
      Request{.target = "/", .headers = {{"X Y", "a"}}},
      Request{.target = "/", .headers = {{"X", std::string("a\0b", 3)}}});
  const auto answer = rig.send(request);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::invalid);
  CHECK(rig.requests.empty());
}

TEST_CASE("Framing headers and Host are the transport's") {
  const Kind kind = with_both();
  Rig rig;
  rig.serve([](const Request&) { return text(200, "ok"); });
  rig.connect(kind, rig.server->port());
  const auto answer = rig.send({.method = "POST",
                                .target = "/",
                                .headers = {{"Host", "elsewhere"},
                                            {"Content-Length", "9"},
                                            {"Transfer-Encoding", "chunked"},
                                            {"Connection", "close"}},
                                .body = "abc"});
  REQUIRE(answer);
  CHECK(rig.requests.at(0).body == "abc");
  CHECK(find_header(rig.requests.at(0).headers, "Host")->starts_with("127.0.0.1:"));
}

}  // namespace portcullis::net::test
