#include "cloud/long_running.hpp"

#include <catch2/catch.hpp>

#include "azure_fixture.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using Kind = Error::Kind;

namespace {

const std::string operation_target =
    "/subscriptions/s/providers/Microsoft.Network/locations/eastus/operations/77"
    "?api-version=2024-05-01&t=1&c=a%2Bb&s=x&h=y";
const std::string results_target = "/subscriptions/s/operationResults/77?t=1";
const std::string rule_target = "/nsg/securityRules/web?api-version=2024-05-01";
const std::string updating = R"({"name":"web","properties":{"provisioningState":"Updating"}})";
const std::string succeeded = R"({"name":"web","properties":{"provisioningState":"Succeeded"}})";

class Tokens final : public cloud::Credential {
 public:
  Task<Result<cloud::AccessToken>> exchange(Duration) override {
    co_return cloud::AccessToken{.value = Secret(canary_token), .lifetime = 1h};
  }
};

struct Fixture {
  FakeClock clock;
  FakeTransport server{clock};
  Tokens credential;
  cloud::Pauses pauses{clock};
  cloud::TokenProvider tokens{credential, pauses, clock};
  cloud::Budgets budgets;
  cloud::ArmClient client{server, tokens, pauses, clock, budgets, net::parse_url(arm)->origin};
  cloud::WaitOptions options{};
  asio::io_context io;

  Task<Result<Done>> task(std::string method, net::Response first) {
    net::Request sent{.method = std::move(method), .target = rule_target};
    return cloud::wait_for_operation(client, pauses, clock, std::move(sent), std::move(first),
                                     options);
  }
  Result<Done> wait(const std::string& method, net::Response first) {
    return run(io, clock, task(method, std::move(first)));
  }
  Result<Done> put(net::Response first) { return wait("PUT", std::move(first)); }
  Result<Done> remove(net::Response first) { return wait("DELETE", std::move(first)); }

  /// How long a whole wait takes that is done by `first`, then by the answers queued.
  Duration time(net::Response first) {
    const BootTime begin = clock.boot_now();
    REQUIRE(put(std::move(first)));
    return clock.boot_now() - begin;
  }
};

net::Headers operation(net::Headers more = {}) {
  more.push_back({"Azure-AsyncOperation", arm + operation_target});
  return more;
}

std::string status(const std::string& word) { return R"({"status":")" + word + "\"}"; }

}  // namespace

TEST_CASE("what is done at once needs no question") {
  Fixture f;
  const auto first =
      GENERATE(response(204), response(204, "", {{"Azure-AsyncOperation", arm + operation_target}}),
               response(200), response(200, succeeded),
               response(200, succeeded, {{"Azure-AsyncOperation", arm + operation_target}}),
               response(201, succeeded), response(200, R"({"name":"web","properties":{}})"),
               response(200, R"({"properties":{"provisioningState":"succeeded"}})"));
  CHECK(f.put(first));
  CHECK(f.server.sent.empty());
}

TEST_CASE("200 and 201 with a state of Updating mean that it began") {
  Fixture f;
  const int first = GENERATE(200, 201, 202);
  f.server.answer(200, status("InProgress"));
  f.server.answer(200, "");
  f.server.answer(200, status("Succeeded"));
  CHECK(f.put(response(first, updating, operation())));
  REQUIRE(f.server.sent.size() == 3);
  for (const auto& sent : f.server.sent) {
    CHECK(sent.request.method == "GET");
    CHECK(sent.request.target == operation_target);  // signed: not a character changed
    CHECK(net::find_header(sent.request.headers, "Authorization") == "Bearer " + canary_token);
  }
}

TEST_CASE("a DELETE with both addresses is asked at the operation") {
  Fixture f;
  f.server.answer(200, status("Succeeded"));
  CHECK(f.remove(response(202, "", operation({{"Location", arm + results_target}}))));
  CHECK(f.server.last().target == operation_target);
}

TEST_CASE("a location in an operation's answer does not take the question away from it") {
  Fixture f;
  f.server.answer(202, status("InProgress"), {{"Location", arm + results_target}});
  f.server.answer(200, status("Succeeded"));
  CHECK(f.put(response(201, updating, operation())));
  REQUIRE(f.server.sent.size() == 2);
  CHECK(f.server.last().target == operation_target);
}

TEST_CASE(
    "without an operation's address the location is asked: 202 runs, 200 and 204 are the end") {
  Fixture f;
  f.server.answer(202, "");
  f.server.answer(202, "", {{"Location", arm + results_target + "&moved=1"}});
  f.server.answers.push_back(GENERATE(response(204), response(200), response(200, succeeded)));
  CHECK(f.remove(response(202, "", {{"Location", arm + results_target}})));
  REQUIRE(f.server.sent.size() == 3);
  CHECK(f.server.sent[1].request.target == results_target);
  CHECK(f.server.sent[2].request.target == results_target + "&moved=1");
}

TEST_CASE("without any address the resource itself is asked") {
  SECTION("a PUT ends with a state of Succeeded") {
    Fixture f;
    f.server.answer(200, updating);
    f.server.answer(200, succeeded);
    CHECK(f.put(response(201, updating)));
    CHECK(f.server.sent.size() == 2);
    CHECK(f.server.last().target == rule_target);
  }
  SECTION("a DELETE ends with a 404") {
    Fixture f;
    f.server.answer(200, succeeded);
    f.server.answer(404, error_body("NotFound"));
    CHECK(f.remove(response(202)));
    CHECK(f.server.sent.size() == 2);
  }
  SECTION("a 404 that is not the cloud's own is no end") {
    Fixture f;
    f.server.answer(404, "<html>proxy</html>");
    f.server.answer(404, error_body("NotFound"));
    CHECK(f.remove(response(202)));
    CHECK(f.server.sent.size() == 2);
  }
}

TEST_CASE("an operation that fails answers 200, and is an error all the same") {
  Fixture f;
  SECTION("superseded") {
    f.server.answer(200,
                    R"({"status":"Canceled","error":{"code":"Canceled","message":"was canceled",)"
                    R"("details":[{"code":"CanceledAndSupersededDueToAnotherOperation"}]}})");
    const auto done = f.put(response(201, updating, operation()));
    CHECK(done.error().kind == Kind::conflict);
    CHECK(done.error().code == "CanceledAndSupersededDueToAnotherOperation");
  }
  SECTION("the priority was taken") {
    f.server.answer(200, R"({"status":"Failed","error":{"code":"SecurityRuleConflict"}})");
    CHECK(f.put(response(201, updating, operation())).error().kind == Kind::conflict);
  }
  SECTION("with the token in its text") {
    f.server.answer(
        200, R"({"status":"Failed","error":{"code":"X","message":"saw )" + canary_token + "\"}}");
    CHECK(f.put(response(201, updating, operation())).error().message ==
          "PUT securityRules/web: the operation ended as Failed (X): saw [hidden]");
  }
  SECTION("seen at the resource") {
    f.server.answer(200, R"({"properties":{"provisioningState":"Failed"}})");
    CHECK(f.put(response(201, updating)).error().kind == Kind::unavailable);
  }
  SECTION("in the first answer already") {
    const auto done =
        f.put(response(200, R"({"properties":{"provisioningState":"Canceled"}})", operation()));
    CHECK(done.error().kind == Kind::conflict);
    CHECK(f.server.sent.empty());
  }
}

TEST_CASE("an operation that is not known any more leaves the outcome open") {
  Fixture f;
  f.server.answer(404, error_body("ResourceNotFound"));
  const auto done = f.put(response(201, updating, operation()));
  CHECK(done.error().kind == Kind::unavailable);
  CHECK(done.error().code == "ResourceNotFound");
}

TEST_CASE("errors that may pass do not end the waiting, others do") {
  Fixture f;
  SECTION("they may pass") {
    f.server.answer(500, "");
    f.server.answer(429, error_body("TooManyRequests"), {{"Retry-After", "2"}});
    f.server.answers.push_back(fail(Kind::unavailable, "connection reset"));
    f.server.answers.push_back(fail(Kind::timeout, "no answer"));
    f.server.answer(404, "<html>");
    f.server.answer(200, status("Succeeded"));
    CHECK(f.put(response(201, updating, operation())));
    CHECK(f.server.sent.size() == 6);
  }
  SECTION("they do not") {
    f.server.answer(403, error_body("AuthorizationFailed"));
    CHECK(f.put(response(201, updating, operation())).error().kind == Kind::forbidden);
    CHECK(f.server.sent.size() == 1);
  }
}

TEST_CASE("an answer without a readable status is malformed") {
  Fixture f;
  f.server.answer(200, GENERATE("{}", "<html>", R"({"status":7})", "[]", "\"Succeeded\""));
  CHECK(f.put(response(201, updating, operation())).error().kind == Kind::malformed);
}

TEST_CASE("a first answer that is no JSON is malformed") {
  Fixture f;
  CHECK(f.put(response(200, "<html>")).error().kind == Kind::malformed);
}

TEST_CASE("the pause is the server's, within reason, else short and growing") {
  Fixture f;
  SECTION("told") {
    f.server.answer(200, status("Succeeded"));
    CHECK(f.time(response(201, updating, operation({{"Retry-After", "60"}}))) == 60s);
  }
  SECTION("told too long") {
    f.server.answer(200, status("Succeeded"));
    CHECK(f.time(response(201, updating, operation({{"Retry-After", "3600"}}))) == 2min);
  }
  SECTION("the limit is an option") {
    f.options.longest_told_pause = 1s;
    f.server.answer(200, status("Succeeded"));
    CHECK(f.time(response(201, updating, operation({{"Retry-After", "10"}}))) == 1s);
  }
  SECTION("told nonsense") {
    const std::string nonsense = GENERATE("0", "-4", "soon", "");
    f.server.answer(200, status("Succeeded"));
    CHECK(f.time(response(201, updating, operation({{"Retry-After", nonsense}}))) == 100ms);
  }
  SECTION("not told") {
    std::vector<Duration> at;
    const BootTime begin = f.clock.boot_now();
    f.server.serve = [&](const net::Request&) {
      at.push_back(f.clock.boot_now() - begin);
      return response(200, status(at.size() < 9 ? "InProgress" : "Succeeded"));
    };
    REQUIRE(f.put(response(201, updating, operation())));
    CHECK(at == std::vector<Duration>{100ms, 300ms, 700ms, 1500ms, 3100ms, 6300ms, 11300ms, 16300ms,
                                      21300ms});
  }
}

TEST_CASE("an operation that never ends is a timeout, not asked beyond its deadline") {
  Fixture f;
  f.server.serve = [](const net::Request&) { return response(200, status("InProgress")); };
  const BootTime begin = f.clock.boot_now();
  const auto done = f.put(response(201, updating, operation()));
  CHECK(done.error().kind == Kind::timeout);
  CHECK(f.clock.boot_now() - begin <= 5min);
  CHECK(f.clock.boot_now() - begin > 4min);
  CHECK(f.server.sent.size() < 80);
}

TEST_CASE("addresses at another server are refused before a token goes there") {
  Fixture f;
  const std::string hostile =
      GENERATE("https://evil.example/operations/1?sig=x", "http://management.azure.com/op", "/op");
  SECTION("in the first answer") {
    const std::string name = GENERATE("Azure-AsyncOperation", "Location");
    const auto done = f.put(response(202, "", {{name, hostile}}));
    CHECK(done.error().kind == Kind::malformed);
    CHECK_THAT(done.error().message, !Catch::Contains("sig="));
    CHECK(f.server.sent.empty());
  }
  SECTION("in a later one") {
    f.server.answer(200, status("InProgress"), {{"Azure-AsyncOperation", hostile}});
    CHECK(f.put(response(201, updating, operation())).error().kind == Kind::malformed);
    CHECK(f.server.sent.size() == 1);
  }
}

TEST_CASE("stopping ends the wait") {
  Fixture f;
  Outcome<Result<Done>> outcome;
  start(f.io, f.task("PUT", response(201, updating, operation({{"Retry-After", "10"}}))), outcome);
  settle(f.io);
  REQUIRE_FALSE(outcome.value);
  f.pauses.stop();
  settle(f.io);
  REQUIRE(outcome.value);
  CHECK(outcome.value->error().kind == Kind::cancelled);
}
