#include <catch2/catch.hpp>

#include "arm_client_world.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using Kind = Error::Kind;

using Fixture = ArmClientWorld;

TEST_CASE("a call carries the token, and a body its type") {
  Fixture f;
  f.server.answer(200, "{}");
  f.server.answer(201, "{}");
  REQUIRE(f.get());
  REQUIRE(f.put("/x/rules/web?api-version=1", "{}"));
  CHECK(f.bearer(0) == "Bearer token-canary-91bc-1");
  CHECK(net::find_header(f.server.sent[0].request.headers, "Content-Type") == std::nullopt);
  CHECK(net::find_header(f.server.sent[1].request.headers, "Content-Type") == "application/json");
  CHECK(f.server.sent[1].request.method == "PUT");
  CHECK(f.server.sent[1].request.body == "{}");
  CHECK(f.credential.exchanges == 1);
}

TEST_CASE("a refused token is renewed and the call sent once more") {
  Fixture f;
  f.server.answer(401, error_body("ExpiredAuthenticationToken"));
  f.server.answer(200, "{}");
  REQUIRE(f.get());
  CHECK(f.server.sent.size() == 2);
  CHECK(f.bearer(0) == "Bearer token-canary-91bc-1");
  CHECK(f.bearer(1) == "Bearer token-canary-91bc-2");
}

TEST_CASE("a second 401 is unauthorized: no loop") {
  Fixture f;
  for (int i = 0; i < 5; ++i) f.server.answer(401, error_body("InvalidAuthenticationToken"));
  const auto answer = f.get();
  CHECK(answer.error().kind == Kind::unauthorized);
  CHECK(answer.error().code == "InvalidAuthenticationToken");
  CHECK(f.server.sent.size() == 2);
  CHECK(f.credential.exchanges == 2);
  // The next call knows that renewing did not help.
  CHECK(f.get().error().kind == Kind::unauthorized);
  CHECK(f.server.sent.size() == 3);
  CHECK(f.credential.exchanges == 2);
}

TEST_CASE("callers whose tokens were refused together share one renewal") {
  Fixture f;
  f.server.latency = 100ms;
  f.server.serve = [](const net::Request& request) -> Result<net::Response> {
    const auto bearer = net::find_header(request.headers, "Authorization").value_or("");
    return bearer.ends_with("-1") ? response(401, error_body("ExpiredAuthenticationToken"))
                                  : response(200, "{}");
  };
  std::vector<Outcome<Result<net::Response>>> outcomes(4);
  for (auto& outcome : outcomes) start(f.io, f.arm_client.get("/x", 10s), outcome);
  f.clock.run_for(f.io, 1s);
  for (auto& outcome : outcomes) {
    REQUIRE(outcome.value);
    CHECK(outcome.value->has_value());
  }
  CHECK(f.credential.exchanges == 2);
}

TEST_CASE("without a token nothing is sent") {
  Fixture f;
  f.credential.failure = Error{.kind = Kind::unauthorized, .message = "AADSTS700016"};
  CHECK(f.get().error().message == "AADSTS700016");
  CHECK(f.server.sent.empty());
}

TEST_CASE("a token that comes when the time is over is too late for the call") {
  Fixture f;
  f.credential.slow = 10s;
  CHECK(f.get("/x", 10s).error().kind == Kind::timeout);
  CHECK(f.server.sent.empty());
}

TEST_CASE("only 401 is sent again") {
  Fixture f;
  const int status = GENERATE(403, 404, 409, 412, 429, 500, 503);
  f.server.answer(status, error_body("Whatever"));
  CHECK_FALSE(f.put("/x/rules/web", "{}"));
  CHECK(f.server.sent.size() == 1);
}

TEST_CASE("the server's date is told to the clock, if TLS vouches for it") {
  const net::Headers date = {{"Date", "Sun, 22 Nov 2026 18:45:00 GMT"}};
  Fixture secure;
  secure.server.answer(200, "{}", date);
  secure.server.answer(500, "", date);
  secure.server.answer(200, "{}", {{"Date", "yesterday"}});
  CHECK(secure.get());
  CHECK(secure.clock.observed == 1);
  CHECK(secure.clock.observed_from == arm);
  CHECK_FALSE(secure.get());
  CHECK(secure.clock.observed == 2);
  CHECK(secure.get());
  CHECK(secure.clock.observed == 2);

  Fixture plain("http://127.0.0.1:8080");
  plain.server.answer(200, "{}", date);
  CHECK(plain.get());
  CHECK(plain.clock.observed == 0);
}

TEST_CASE("the deadline bounds everything together: no write goes out later") {
  Fixture f;
  f.server.latency = 6s;
  std::vector<Outcome<Result<net::Response>>> outcomes(9);
  for (auto& outcome : outcomes) start(f.io, f.arm_client.get("/x", 20s), outcome);
  Outcome<Result<net::Response>> late;
  start(f.io, f.arm_client.call(net::Request{.method = "PUT", .target = "/w"}, 5s), late);
  f.clock.run_for(f.io, 5s);
  REQUIRE(late.value);
  CHECK(late.value->error().kind == Kind::timeout);
  f.clock.run_for(f.io, 30s);
  CHECK(f.server.sent.size() == 9);
  for (const auto& sent : f.server.sent) CHECK(sent.request.target == "/x");
}

TEST_CASE("seven calls at a time beside closings; a write goes before the reads that wait") {
  Fixture f;
  f.server.latency = 1s;
  f.server.serve = [](const net::Request&) { return response(200, "{}"); };
  std::vector<Outcome<Result<net::Response>>> outcomes(11);
  for (std::size_t i = 0; i < 10; ++i) {
    start(f.io, f.arm_client.get("/read/" + std::to_string(i), 60s), outcomes[i]);
  }
  start(f.io, f.arm_client.call(net::Request{.method = "DELETE", .target = "/rules/x"}, 60s),
        outcomes[10]);
  settle(f.io);
  CHECK(f.server.sent.size() == 7);
  f.clock.run_for(f.io, 5s);
  REQUIRE(f.server.sent.size() == 11);
  CHECK(f.server.sent[7].request.method == "DELETE");
  for (const auto& outcome : outcomes) CHECK(outcome.value);
  // Time spent in the queue is no more there for the exchange.
  CHECK(f.server.sent[9].deadline == 59s);
}

TEST_CASE("stopping wakes whoever waits for a free connection") {
  Fixture f;
  f.server.latency = 10s;
  std::vector<Outcome<Result<net::Response>>> outcomes(10);
  for (auto& outcome : outcomes) start(f.io, f.arm_client.get("/x", 60s), outcome);
  settle(f.io);
  f.pauses.stop();
  settle(f.io);
  CHECK_FALSE(outcomes[6].value);
  REQUIRE(outcomes[7].value);
  CHECK(outcomes[7].value->error().kind == Kind::cancelled);
  CHECK(outcomes[9].value);
}

TEST_CASE("an answer larger than the limit is malformed") {
  Fixture f;
  f.server.answer(200, std::string(cloud::ArmClient::body_limit + 1, ' '));
  CHECK(f.get().error().kind == Kind::malformed);
}

TEST_CASE("messages name the call by its end, never by its query") {
  Fixture f;
  f.server.answer(500, "");
  const auto answer =
      f.put("/subscriptions/s/networkSecurityGroups/n/securityRules/web?sig=secret-query", "{}");
  CHECK(answer.error().message == "PUT securityRules/web: 500");
  CHECK(cloud::call_name({.method = "GET", .target = "/a?b/c/d"}) == "GET a");
}

TEST_CASE("follow-up addresses are used as they are, at the same origin only") {
  Fixture f;
  const std::string signed_query =
      "/subscriptions/s/providers/Microsoft.Network/locations/eastus/operations/1"
      "?api-version=2024-05-01&t=63&c=MII%2B&s=a%20b&h=x";
  CHECK(f.arm_client.follow(arm + signed_query).value() == signed_query);
  CHECK(f.arm_client.follow("https://MANAGEMENT.azure.com:443/x").value() == "/x");

  const std::string hostile = GENERATE(
      "https://evil.example/x", "http://management.azure.com/x",
      "https://management.azure.com:8443/x", "https://management.azure.com.evil.example/x",
      "https://management.azure.com@evil.example/x", "https://evil.example/management.azure.com",
      "//evil.example/x", "/relative", "https://management.azure.com\\@evil.example/x",
      "https://management.azure.com /x", "https://management.azure.com/x\r\nHost: evil.example",
      "https://169.254.169.254/metadata", "https://[::1]/x", "ftp://management.azure.com/x", "x",
      "https:///x", "", "https://xn--mnagement-j4a.azure.com/x", "https://management.azure.com./x");
  INFO(hostile);
  const auto followed = f.arm_client.follow(hostile);
  REQUIRE_FALSE(followed);
  CHECK(followed.error().kind == Kind::malformed);
  CHECK(f.arm_client.follow(arm + "/" + std::string(9000, 'x')).error().kind == Kind::malformed);
}

TEST_CASE("an address at another server is refused with its host and without its query") {
  Fixture f;
  const auto followed = f.arm_client.follow("https://evil.example/p?sig=secret-query");
  CHECK(followed.error().message ==
        "the cloud gave a follow-up address at another server: https://evil.example");
}

TEST_CASE("all pages of a list are read") {
  Fixture f;
  f.server.answer(200, R"({"value":[],"nextLink":")" + arm + R"(/list?$skiptoken=a"})");
  f.server.answer(200, R"({"value":[],"nextLink":")" + arm + R"(/list?$skiptoken=b"})");
  f.server.answer(200, R"({"value":[],"nextLink":null})");
  CHECK(f.pages().value() == 3);
  CHECK(f.server.sent[1].request.target == "/list?$skiptoken=a");
  CHECK(f.server.sent[2].request.target == "/list?$skiptoken=b");
}

TEST_CASE("a list whose next page was already read ends with an error") {
  Fixture f;
  const std::string link = GENERATE("/list?api-version=1", "/list?$skiptoken=a");
  f.server.serve = [&](const net::Request&) {
    return response(200, R"({"value":[],"nextLink":")" + arm + link + "\"}");
  };
  CHECK(f.pages().error().kind == Kind::malformed);
  CHECK(f.server.sent.size() <= 2);
}

TEST_CASE("a list that never ends does end") {
  Fixture f;
  int page = 0;
  f.server.serve = [&](const net::Request&) {
    return response(
        200, R"({"value":[],"nextLink":")" + arm + "/list?p=" + std::to_string(++page) + "\"}");
  };
  CHECK(f.pages().error().kind == Kind::malformed);
  CHECK(f.server.sent.size() == 1000);
}

TEST_CASE("a list that leads elsewhere is not followed") {
  Fixture f;
  f.server.answer(200, R"({"value":[],"nextLink":"https://evil.example/list"})");
  CHECK(f.pages().error().kind == Kind::malformed);
  CHECK(f.server.sent.size() == 1);
}

TEST_CASE("a page that fails makes the list fail: no part passes for the whole") {
  Fixture f;
  f.server.answer(200, R"({"value":[],"nextLink":")" + arm + R"(/list?p=2"})");
  const auto bad = GENERATE(response(500), response(200, ""), response(200, "{\"value\":["),
                            response(200, R"({"value":[],"nextLink":7})"));
  f.server.answers.push_back(bad);
  CHECK_FALSE(f.pages());
}
