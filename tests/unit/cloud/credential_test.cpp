#include "cloud/credential.hpp"

#include <catch2/catch.hpp>

#include "azure_fixture.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using cloud::CredentialKind;

namespace {

struct Fixture {
  FakeClock clock;
  FakeTransport server{clock};
  cloud::Pauses pauses{clock};
  std::string file = canary_assertion;
  int reads = 0;
  asio::io_context io;

  std::unique_ptr<cloud::Credential> make(CredentialKind kind) {
    cloud::CredentialOptions options;
    options.kind = kind;
    options.tenant_id = "tenant-1";
    options.client_id = "client-1";
    options.secret_file = "/secret";
    options.login_host = "login.test";
    options.audience = "https://management.azure.com";
    return cloud::make_credential(
               server, pauses, clock,
               [this](std::string) -> Result<std::string> {
                 ++reads;
                 if (file == "missing")
                   return fail(Error::Kind::unavailable, "cannot read /secret: no");
                 return file;
               },
               options)
        .value();
  }

  Result<cloud::AccessToken> exchange(CredentialKind kind, Duration deadline = 60s) {
    const auto credential = make(kind);
    return run(io, clock, credential->exchange(deadline));
  }

  Duration lifetime_of(const std::string& expires_in) {
    server.answer(200, R"({"access_token":"t")" + expires_in + "}");
    return exchange(CredentialKind::workload_identity).value().lifetime;
  }
};

}  // namespace

TEST_CASE("a federated token is exchanged with the form that Entra ID asks for") {
  Fixture f;
  f.file = "a.b+c\n";
  f.server.answer(200, R"({"token_type":"Bearer","expires_in":3599,"access_token":"granted"})");
  const auto token = f.exchange(CredentialKind::workload_identity);
  REQUIRE(token);
  CHECK(token->value.reveal() == "granted");
  CHECK(token->lifetime == 3599s);
  const auto& request = f.server.last();
  CHECK(request.method == "POST");
  CHECK(request.target == "/tenant-1/oauth2/v2.0/token");
  CHECK(net::find_header(request.headers, "content-type") == "application/x-www-form-urlencoded");
  CHECK(request.body ==
        "grant_type=client_credentials&client_id=client-1"
        "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default"
        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        "&client_assertion=a.b%2Bc");
}

TEST_CASE("a client secret goes in place of the assertion") {
  Fixture f;
  f.file = "p~ss w&rd\r\n";
  f.server.answer(200, R"({"expires_in":"3599","access_token":"granted"})");
  REQUIRE(f.exchange(CredentialKind::client_secret));
  CHECK(f.server.last().body ==
        "grant_type=client_credentials&client_id=client-1"
        "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default&client_secret=p~ss%20w%26rd");
}

TEST_CASE("the file is read again at every exchange") {
  Fixture f;
  const auto credential = f.make(CredentialKind::workload_identity);
  for (const std::string content : {"first", "second"}) {
    f.file = content;
    f.server.answer(200, R"({"expires_in":3599,"access_token":"t"})");
    REQUIRE(run(f.io, f.clock, credential->exchange(5s)));
    CHECK(f.server.last().body.ends_with("client_assertion=" + content));
  }
  CHECK(f.reads == 2);
}

TEST_CASE("a file that is missing or empty is told, and nobody is asked") {
  Fixture f;
  f.file = GENERATE("missing", "", " \n");
  const auto token = f.exchange(CredentialKind::workload_identity);
  REQUIRE_FALSE(token);
  CHECK(token.error().kind == Error::Kind::unauthorized);
  CHECK_THAT(token.error().message, Catch::Contains("/secret"));
  CHECK(f.server.sent.empty());
}

TEST_CASE("a refusal names Entra's code and its first line, not the assertion") {
  Fixture f;
  f.server.answer(401, R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid )"
                       R"(client secret assertion-canary-5f3a provided.\r\nTrace ID: 1234",)"
                       R"("error_codes":[7000215]})");
  const auto token = f.exchange(CredentialKind::workload_identity);
  REQUIRE_FALSE(token);
  CHECK(token.error().kind == Error::Kind::unauthorized);
  CHECK(token.error().status == 401);
  CHECK(token.error().code == "AADSTS7000215");
  CHECK(token.error().message ==
        "login.test answered 401: AADSTS7000215: Invalid client secret [hidden] provided.");
}

TEST_CASE("an endless description is cut at 300 characters") {
  Fixture f;
  f.server.answer(
      400, R"({"error":"invalid_grant","error_description":")" + std::string(5000, 'x') + "\"}");
  const auto token = f.exchange(CredentialKind::workload_identity);
  CHECK(token.error().code == "invalid_grant");
  CHECK(token.error().message.size() < 340);
}

TEST_CASE("the login server's state decides the kind of error") {
  struct Row {
    int status;
    Error::Kind kind;
  };
  const auto row =
      GENERATE(Row{400, Error::Kind::unauthorized}, Row{403, Error::Kind::unauthorized},
               Row{429, Error::Kind::throttled}, Row{500, Error::Kind::unavailable},
               Row{503, Error::Kind::unavailable}, Row{302, Error::Kind::malformed});
  Fixture f;
  f.server.answer(row.status, "<html>assertion-canary-5f3a</html>", {{"Retry-After", "7"}});
  const auto token = f.exchange(CredentialKind::workload_identity);
  REQUIRE_FALSE(token);
  CHECK(token.error().kind == row.kind);
  const bool may_pass = row.status == 429 || row.status >= 500;
  CHECK(token.error().retry_after == (may_pass ? std::optional<Duration>(7s) : std::nullopt));
  CHECK_THAT(token.error().message, !Catch::Contains(canary_assertion));
}

TEST_CASE("a login server that is not well may say when to come back, and no nonsense") {
  Fixture f;
  const auto told = [&f](int status, net::Headers headers) {
    f.server.answer(status, "", std::move(headers));
    return f.exchange(CredentialKind::client_secret).error().retry_after;
  };
  CHECK(told(503, {{"Retry-After", "86400"}}) == 5min);
  CHECK(told(429, {{"Retry-After", "86400"}}) == 5min);
  CHECK_FALSE(told(429, {{"Retry-After", "soon"}}));
  CHECK_FALSE(told(503, {{"Retry-After", "soon"}}));
  CHECK_FALSE(told(503, {}));
}

TEST_CASE("the metadata service is not asked before the time that it told") {
  Fixture f;
  f.server.answer(429, "", {{"Retry-After", "20"}});
  f.server.answer(200, R"({"access_token":"t","expires_in":"3600"})");
  const BootTime begin = f.clock.boot_now();
  CHECK(f.exchange(CredentialKind::managed_identity));
  CHECK(f.clock.boot_now() - begin == 20s);
}

TEST_CASE("a token's life is a number or a text, and absurd ones are bent") {
  Fixture f;
  CHECK(f.lifetime_of(R"(,"expires_in":3599)") == 3599s);
  CHECK(f.lifetime_of(R"(,"expires_in":"3599")") == 3599s);
  CHECK(f.lifetime_of(R"(,"expires_in":3599.7)") == 3599s);
  CHECK(f.lifetime_of(R"(,"expires_in":0)") == 1min);
  CHECK(f.lifetime_of(R"(,"expires_in":-5)") == 1min);
  CHECK(f.lifetime_of(R"(,"expires_in":"-99999999999999999999")") == 1min);
  CHECK(f.lifetime_of(R"(,"expires_in":1e300)") == 24h);
  CHECK(f.lifetime_of(R"(,"expires_in":"99999999999999999999")") == 24h);
  CHECK(f.lifetime_of(R"(,"expires_in":"soon")") == 5min);
  CHECK(f.lifetime_of(R"(,"expires_in":null)") == 5min);
  CHECK(f.lifetime_of("") == 5min);
}

TEST_CASE("an answer without a usable token is malformed") {
  Fixture f;
  const std::string body =
      GENERATE("", "{", "<html>", R"({"expires_in":3599})", R"({"access_token":""})",
               R"({"access_token":5})", R"({"access_token":"a\r\nX-Evil: 1"})",
               R"({"access_token":"a","access_token":"b"})");
  f.server.answer(200, body);
  const auto token = f.exchange(CredentialKind::workload_identity);
  REQUIRE_FALSE(token);
  CHECK(token.error().kind == Error::Kind::malformed);
}

TEST_CASE("the metadata service is asked as its documentation says") {
  Fixture f;
  f.server.answer(200, R"({"access_token":"t","expires_in":"3599","expires_on":"1506484173"})");
  const auto token = f.exchange(CredentialKind::managed_identity);
  REQUIRE(token);
  CHECK(token->lifetime == 3599s);
  CHECK(f.server.last().method == "GET");
  CHECK(f.server.last().target ==
        "/metadata/identity/oauth2/token?api-version=2018-02-01"
        "&resource=https%3A%2F%2Fmanagement.azure.com%2F&client_id=client-1");
  CHECK(net::find_header(f.server.last().headers, "Metadata") == "true");
  CHECK(f.reads == 0);
}

TEST_CASE("the metadata service is asked five times with growing pauses while it is not well") {
  Fixture f;
  std::vector<Duration> at;
  const BootTime start = f.clock.boot_now();
  const int status = GENERATE(404, 410, 429, 500, 503);
  f.server.serve = [&](const net::Request&) -> Result<net::Response> {
    at.push_back(f.clock.boot_now() - start);
    return response(status);
  };
  const auto token = f.exchange(CredentialKind::managed_identity, 2min);
  REQUIRE_FALSE(token);
  CHECK(token.error().status == status);
  CHECK(at == std::vector<Duration>{0s, 2s, 8s, 22s, 52s});
}

TEST_CASE("the metadata service's refusal is not repeated") {
  Fixture f;
  f.server.answer(400, R"({"error":"invalid_request","error_description":"Identity not found"})");
  const auto token = f.exchange(CredentialKind::managed_identity);
  CHECK(token.error().kind == Error::Kind::unauthorized);
  CHECK(token.error().code == "invalid_request");
  CHECK_THAT(token.error().message, Catch::Contains("Identity not found"));
  CHECK(f.server.sent.size() == 1);
}

TEST_CASE("the metadata service's retries end with the deadline, and with the program") {
  Fixture f;
  const auto credential = f.make(CredentialKind::managed_identity);
  SECTION("deadline") {
    const BootTime start = f.clock.boot_now();
    REQUIRE_FALSE(run(f.io, f.clock, credential->exchange(8s)));
    CHECK(f.clock.boot_now() - start == 2s);
    CHECK(f.server.sent.size() == 2);
  }
  SECTION("stop") {
    Outcome<Result<cloud::AccessToken>> outcome;
    start(f.io, credential->exchange(1min), outcome);
    settle(f.io);
    REQUIRE_FALSE(outcome.value);
    f.pauses.stop();
    settle(f.io);
    REQUIRE(outcome.value);
    CHECK(outcome.value->error().kind == Error::Kind::cancelled);
  }
}

TEST_CASE("ids that could change the path of a URL make no credential") {
  Fixture f;
  cloud::CredentialOptions options{.tenant_id = "t", .client_id = "c", .secret_file = "/s"};
  const auto make = [&] {
    return cloud::make_credential(f.server, f.pauses, f.clock, cloud::read_whole_file, options);
  };
  REQUIRE(make());
  SECTION("tenant") {
    options.tenant_id = GENERATE("", "..", "a/b", "a?b", "a%2fb", "a b", "a\r\nb");
    CHECK(make().error().kind == Error::Kind::invalid);
  }
  SECTION("client") {
    options.client_id = GENERATE("", "a&b=c", "a/b");
    CHECK(make().error().kind == Error::Kind::invalid);
  }
  SECTION("no file") {
    options.secret_file = "";
    CHECK(make().error().kind == Error::Kind::invalid);
  }
}

TEST_CASE("a file is read whole, and why it cannot be is told") {
  CHECK(cloud::read_whole_file(PORTCULLIS_SOURCE_DIR "/LICENSE").value().size() > 100);
  const auto missing = cloud::read_whole_file("/nowhere/at/all");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message == "cannot read /nowhere/at/all: No such file or directory");
  CHECK_FALSE(cloud::read_whole_file("/proc/self"));
  CHECK_FALSE(cloud::read_whole_file("/dev/zero"));
}
