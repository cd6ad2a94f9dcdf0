#include "cloud/azure_provider.hpp"

#include <catch2/catch.hpp>

#include "azure_world.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using Kind = Error::Kind;

TEST_CASE("the check reads the subscription with a token") {
  AzureFixture f;
  const auto [body, kind] = GENERATE(table<std::string, std::optional<Kind>>({
      {R"({"subscriptionId":")" + subscription + R"(","state":"Enabled"})", std::nullopt},
      {R"({"subscriptionId":")" + subscription + R"(","state":"Warned"})", std::nullopt},
      {R"({"subscriptionId":")" + subscription + R"(","state":"Disabled"})", Kind::locked},
      {R"({"subscriptionId":"other","state":"Enabled"})", Kind::malformed},
      {"{}", Kind::malformed},
      {"", Kind::malformed},
  }));
  f.arm_server.answer(200, body);
  const auto checked = f.wait(f.provider->check());
  CHECK(f.arm_server.last().target == "/subscriptions/" + subscription + "?api-version=2022-12-01");
  if (kind) {
    CHECK(checked.error().kind == *kind);
  } else {
    CHECK(checked);
  }
}

TEST_CASE("a credential that does not work is what the check says") {
  AzureFixture f;
  f.login_server.serve = [](const net::Request&) {
    return response(401,
                    R"({"error":"invalid_client","error_description":"AADSTS70021: No match"})");
  };
  const auto checked = f.wait(f.provider->check());
  CHECK(checked.error().kind == Kind::unauthorized);
  CHECK(checked.error().code == "AADSTS70021");
  CHECK(checked.error().message == "login.microsoftonline.com answered 401: AADSTS70021: No match");
  CHECK(f.arm_server.sent.empty());
}

TEST_CASE("tokens go to the resource manager only, assertions to the login server only") {
  AzureFixture f;
  f.arm_server.answer(201, "{}", {{"Azure-AsyncOperation", "https://evil.example/op"}});
  CHECK_FALSE(f.wait(f.provider->put_rule(group_id(), rule())));
  CHECK(f.origins.size() == 2);
  CHECK(net::to_string(f.origins[0]) == arm);
  CHECK(net::to_string(f.origins[1]) == "https://login.microsoftonline.com");
  for (const auto& sent : f.arm_server.sent) {
    CHECK(sent.request.body.find(canary_assertion) == std::string::npos);
  }
  for (const auto& sent : f.login_server.sent) {
    CHECK(sent.request.body.find(canary_token) == std::string::npos);
    CHECK(net::find_header(sent.request.headers, "Authorization") == std::nullopt);
  }
}

TEST_CASE("no error text holds the token, whatever of the request is echoed") {
  AzureFixture f;
  const int status = GENERATE(200, 201, 202, 302, 400, 401, 403, 404, 409, 412, 429, 500, 503);
  const std::string form = GENERATE(
      "<html>{}</html>", R"({{"error":{{"code":"{0}","message":"x {0}"}}}})",
      R"({{"status":"Failed","error":{{"code":"X","message":"{0}"}}}})", R"({{"name":"{0}"}})");
  f.arm_server.serve = [&](const net::Request& request) -> Result<net::Response> {
    const auto bearer = net::find_header(request.headers, "Authorization").value_or("");
    const std::string token(bearer.substr(7));
    return response(status, fmt::format(fmt::runtime(form), token),
                    {{"Location", "https://" + token + ".evil.example/?t=" + token}});
  };
  const auto holds_none = [](const auto& result) {
    return result ||
           (result.error().message + result.error().code).find(canary_token) == std::string::npos;
  };
  CHECK(holds_none(f.wait(f.provider->check())));
  CHECK(holds_none(f.wait(f.provider->read_group(group_id()))));
  CHECK(holds_none(f.wait(f.provider->read_machine(machine_id))));
  CHECK(holds_none(f.wait(f.provider->list_groups({"net"}))));
  CHECK(holds_none(f.wait(f.provider->put_rule(group_id(), rule()))));
  CHECK(holds_none(f.wait(f.provider->remove_rule(group_id(), "a"))));
}

TEST_CASE("no error text holds the assertion, whatever of the request is echoed") {
  AzureFixture f;
  const int status = GENERATE(200, 302, 400, 401, 429, 500);
  const std::string form =
      GENERATE("<html>{0}</html>", R"({{"error":"assertion-canary-5f3a"}})",
               R"({{"error":"{0}","error_description":"AADSTS1: {0}"}})",
               R"({{"error":"x","error_description":"{0}: AADSTS1"}})",
               R"({{"error":"x","error_description":"AADSTSassertion-canary-5f3a: x"}})",
               R"({{"access_token":"","error":"{0}"}})");
  f.login_server.serve = [&](const net::Request& request) -> Result<net::Response> {
    return response(status, fmt::format(fmt::runtime(form), request.body));
  };
  const auto checked = f.wait(f.provider->check());
  REQUIRE_FALSE(checked);
  CHECK_THAT(checked.error().message + checked.error().code, !Catch::Contains(canary_assertion));
}

TEST_CASE("a closed provider ends what is under way and refuses the rest") {
  AzureFixture f;
  f.arm_server.answer(201, R"({"properties":{"provisioningState":"Updating"}})",
                      {{"Azure-AsyncOperation", arm + "/op"}, {"Retry-After", "10"}});
  Outcome<Result<Done>> outcome;
  start(f.io, f.provider->put_rule(group_id(), rule()), outcome);
  settle(f.io);
  REQUIRE_FALSE(outcome.value);
  f.provider->close();
  settle(f.io);
  REQUIRE(outcome.value);
  CHECK(outcome.value->error().kind == Kind::cancelled);
  CHECK(f.wait(f.provider->check()).error().kind == Kind::cancelled);
  f.provider->close();
}

TEST_CASE("options that cannot be make no provider") {
  AzureFixture f;
  auto options = AzureFixture::options();
  SECTION("a resource manager without TLS") { options.endpoints.arm = "http://arm.test"; }
  SECTION("a login server without TLS") { options.endpoints.login = "http://login.test"; }
  SECTION("a resource manager with a path") { options.endpoints.arm += "/x"; }
  SECTION("a query") { options.endpoints.login += "/?x=1"; }
  SECTION("no address") { options.endpoints.arm = "management.azure.com"; }
  SECTION("user information") { options.endpoints.arm = "https://a@management.azure.com"; }
  SECTION("no subscription") { options.subscription_id = GENERATE("", "a/b", "a b", ".."); }
  SECTION("no tenant") { options.tenant_id = ""; }
  SECTION("no client") { options.client_id = ""; }
  SECTION("no file") { options.secret_file = ""; }
  const auto provider = f.make(options);
  REQUIRE_FALSE(provider);
  CHECK(provider.error().kind == Kind::invalid);
}

TEST_CASE("an endpoint that is refused is not repeated: it may hold a password") {
  AzureFixture f;
  auto options = AzureFixture::options();
  const std::string refused =
      GENERATE("https://user:hunter2@login.test", "https://hunter2\\@a.test", "hunter2",
               "https://login.test/?sig=hunter2");
  SECTION("of the resource manager") { options.endpoints.arm = refused; }
  SECTION("of the login server") { options.endpoints.login = refused; }
  SECTION("of the metadata service") {
    options.credential = cloud::CredentialKind::managed_identity;
    options.endpoints.imds = refused;
  }
  const auto provider = f.make(options);
  REQUIRE_FALSE(provider);
  CHECK_THAT(provider.error().message, !Catch::Contains("hunter2"));
}

TEST_CASE("a managed identity asks the metadata service, and no file") {
  AzureFixture f;
  auto options = AzureFixture::options();
  options.credential = cloud::CredentialKind::managed_identity;
  options.secret_file = "";
  options.tenant_id = "";
  f.origins.clear();
  f.provider = f.make(options).value();
  CHECK(net::to_string(f.origins[1]) == "http://169.254.169.254");
  f.arm_server.answer(200, R"({"subscriptionId":")" + subscription + "\"}");
  CHECK(f.wait(f.provider->check()));
  CHECK(net::find_header(f.login_server.last().headers, "Metadata") == "true");
}

TEST_CASE("a login server's path is kept before the tenant") {
  AzureFixture f;
  auto options = AzureFixture::options();
  options.endpoints.login = "https://lab.test:8443/login/";
  f.provider = f.make(options).value();
  f.arm_server.answer(500, "");
  CHECK_FALSE(f.wait(f.provider->check()));
  CHECK(f.login_server.last().target ==
        "/login/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token");
}

TEST_CASE("every environment has its own servers") {
  CHECK(cloud::azure_endpoints("AzurePublic")->arm == "https://management.azure.com");
  CHECK(cloud::azure_endpoints("AzureGovernment")->login == "https://login.microsoftonline.us");
  CHECK(cloud::azure_endpoints("AzureChina")->audience == "https://management.chinacloudapi.cn");
  CHECK_FALSE(cloud::azure_endpoints("azurepublic"));
  CHECK_FALSE(cloud::azure_endpoints(""));
}
