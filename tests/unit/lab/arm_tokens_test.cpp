#include "unit/lab/arm_client.hpp"

namespace portcullis::lab {
namespace {

using Client = ArmClient;

constexpr const char* assertion =
    "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    "&client_assertion=";

TEST_CASE("the login endpoint takes a secret or a federated token; expires_in is a number") {
  Client arm;
  const Json token = arm.login("client_secret=s");
  CHECK(token["token_type"] == "Bearer");
  CHECK(token["expires_in"] == 3599);
  CHECK(arm.login(std::string(assertion) + "eyJ").contains("access_token"));
  CHECK(arm.login("")["error"] == "invalid_client");
  CHECK(arm.last.status == 401);
}

TEST_CASE("credentials that the seed names are the only ones") {
  const std::string seed = std::string(small_seed) +
                           "credentials:\n- {clientID: app, secret: right, federatedToken: jwt}\n";
  Client arm(std::string(small_seed), {});
  arm.model.cloud().tokens.accepted = read_seed(seed, "seed")->credentials;
  CHECK(arm.login("client_secret=right").contains("access_token"));
  CHECK(arm.login("client_secret=wrong")["error_codes"][0] == 7000215);
  CHECK(arm.last.status == 401);
  CHECK(arm.login(std::string(assertion) + "jwt").contains("access_token"));
  CHECK(arm.login(std::string(assertion) + "other")["error_codes"][0] == 700213);
  arm.model.cloud().tokens.accepted[0].client_id = "somebody";
  CHECK(arm.login("client_secret=right")["error"] == "unauthorized_client");
}

TEST_CASE("the metadata service wants its header and answers numbers as strings") {
  Client arm;
  const std::string target =
      "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement."
      "azure.com%2F";
  const auto ask = [&](net::Headers headers) {
    return arm.model.answer({.target = target, .headers = std::move(headers)}, arm.now).response;
  };
  CHECK(ask({}).status == 400);
  CHECK(Client::json(ask({{"Metadata", "True"}}))["error"] == "bad_request_102");
  const Json token = Client::json(ask({{"Metadata", "true"}}));
  CHECK(token["expires_in"] == "3599");
  CHECK(token["expires_on"] == std::to_string(1'795'000'000 + 3599));
  arm.bearer = "Bearer " + token["access_token"].get<std::string>();
  CHECK(arm.get(arm.group).status == 200);
}

TEST_CASE("a token that does not count is 401 and says why") {
  Client arm;
  const auto refused = [&] {
    const auto answer = arm.get(arm.group);
    CHECK(answer.status == 401);
    CHECK(Client::header(answer, "WWW-Authenticate").starts_with("Bearer authorization_uri="));
    return Client::code(answer);
  };
  const std::string good = arm.bearer;
  arm.bearer.clear();
  CHECK(refused() == "AuthenticationFailed");
  arm.bearer = "Basic eDp5";
  CHECK(refused() == "AuthenticationFailedInvalidHeader");
  arm.bearer = good + "x";
  CHECK(refused() == "InvalidAuthenticationToken");
  const Json graph = arm.login("client_secret=s", "https%3A%2F%2Fgraph.microsoft.com%2F.default");
  arm.bearer = "Bearer " + graph["access_token"].get<std::string>();
  CHECK(refused() == "InvalidAuthenticationTokenAudience");
  arm.bearer = good;
  CHECK(arm.get(arm.group).status == 200);
  arm.pass(std::chrono::seconds(3599));
  CHECK(refused() == "ExpiredAuthenticationToken");
}

TEST_CASE("revoked tokens are invalid") {
  Client arm;
  arm.admin("DELETE", "/tokens");
  CHECK(arm.get(arm.group).status == 401);
}

TEST_CASE("discovery leads Microsoft's libraries to the token endpoint") {
  Client arm;
  arm.bearer.clear();
  const Json config = Client::json(
      arm.send({.target = "/" + arm.tenant + "/v2.0/.well-known/openid-configuration"}).response);
  CHECK(config["token_endpoint"] ==
        std::string(Client::base) + "/" + arm.tenant + "/oauth2/v2.0/token");
  CHECK(arm.send({.target = "/nobody/v2.0/.well-known/openid-configuration"}).response.status ==
        400);
  const Json clouds =
      Client::json(arm.send({.target = "/metadata/endpoints?api-version=2019-05-01"}).response);
  CHECK(clouds[0]["resourceManager"] == std::string(Client::base) + "/");
}

TEST_CASE("the request log holds no token and no secret") {
  Client arm;
  arm.login("client_secret=hush-hush");
  arm.put(arm.rules + "/r1", rule_body(200));
  const std::string log = arm.admin("GET", "/requests").body;
  CHECK(log.find("hush-hush") == std::string::npos);
  CHECK(log.find(arm.bearer.substr(7)) == std::string::npos);
  const Json lines = Json::parse(log);
  CHECK(lines.back()["method"] == "PUT");
  CHECK(lines.back()["path"] == arm.rules + "/r1");
  CHECK(lines.back()["status"] == 201);
  CHECK(lines.back()["body"] == rule_body(200));
  CHECK(lines.back()["client"] == "app");
}

}  // namespace
}  // namespace portcullis::lab
