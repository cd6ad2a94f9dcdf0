#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <string>

#include "lab/arm_model.hpp"
#include "lab/names.hpp"
#include "lab/seed.hpp"

namespace portcullis::lab {

/// A world in which every test finds what it needs. Rules: nsg-web holds allow-https at 400.
inline const char* small_seed = R"(
subscription: 11111111-1111-4111-8111-111111111111
tenant: 22222222-2222-4222-8222-222222222222
clients:
- {name: alice, addresses: [203.0.113.7]}
nsgs:
- resourceGroup: net
  name: nsg-web
  rules:
  - {name: allow-https, priority: 400, access: Allow, protocol: Tcp, source: Internet, ports: 443}
- {resourceGroup: net, name: nsg-free}
networks:
- resourceGroup: net
  name: vnet-1
  subnets:
  - {name: web, prefixes: [10.0.0.0/24, "fd00:0:0:1::/64"], nsg: nsg-web}
  - {name: db, prefix: 10.0.1.0/24}
vms:
- resourceGroup: Web
  name: web-1
  tags: {tier: web}
  listens: [22]
  nics:
  - {name: web-1-nic, subnet: vnet-1/web, ip: [10.0.0.4, "fd00:0:0:1::4"], publicIP: 20.50.0.4}
- resourceGroup: Web
  name: db-1
  running: false
  nics:
  - {name: db-1-nic, subnet: vnet-1/db, nsg: nsg-web, ip: 10.0.1.4}
resourceGroups: [empty]
)";

/// A client with a token, a model and a time that moves when told.
class ArmClient {
 public:
  explicit ArmClient(Settings settings = {}) : ArmClient(small_seed, settings) {}

  ArmClient(const std::string& seed_text, Settings settings)
      : model(make_model(seed_text, settings)) {
    Json token = login("client_secret=s");
    bearer = "Bearer " + token["access_token"].get<std::string>();
  }

  /// The login endpoint's answer to a client-credentials form with these fields added.
  Json login(const std::string& fields,
             const std::string& scope = "https%3A%2F%2Fmanagement.azure.com%2F.default") {
    const net::Request request{
        .method = "POST",
        .target = "/" + tenant + "/oauth2/v2.0/token",
        .body = "grant_type=client_credentials&client_id=app&scope=" + scope + "&" + fields};
    last = model.answer(request, now).response;
    return Json::parse(last.body);
  }

  Answer send(net::Request request) {
    if (!bearer.empty()) request.headers.push_back({"Authorization", bearer});
    if (!request.body.empty()) request.headers.push_back({"Content-Type", "application/json"});
    Answer answer = model.answer(request, now);
    last = answer.response;
    return answer;
  }

  net::Response get(const std::string& path, const std::string& version = "2024-05-01") {
    return send({.target = path + (path.find('?') == std::string::npos ? "?" : "&") +
                           "api-version=" + version})
        .response;
  }
  net::Response put(const std::string& path, const Json& body, net::Headers headers = {}) {
    return send({.method = "PUT",
                 .target = path + "?api-version=2024-05-01",
                 .headers = std::move(headers),
                 .body = body.dump()})
        .response;
  }
  net::Response del(const std::string& path, net::Headers headers = {}) {
    return send({.method = "DELETE",
                 .target = path + "?api-version=2024-05-01",
                 .headers = std::move(headers)})
        .response;
  }
  /// A follow-up address as the answer gave it, verbatim.
  net::Response follow(const std::string& address) {
    REQUIRE(address.starts_with(base));
    return send({.target = address.substr(std::string(base).size())}).response;
  }
  net::Response admin(const std::string& method, const std::string& path,
                      const Json& body = nullptr) {
    return model
        .answer({.method = method,
                 .target = "/_lab" + path,
                 .body = body.is_null() ? std::string() : body.dump()},
                now)
        .response;
  }

  void pass(Duration time) { now += time; }
  void finish() { pass(std::chrono::seconds(1)); }

  static Json json(const net::Response& response) { return Json::parse(response.body); }
  static std::string code(const net::Response& response) {
    return json(response)["error"]["code"].get<std::string>();
  }
  static std::string detail(const net::Response& response) {
    return json(response)["error"]["details"][0]["code"].get<std::string>();
  }
  static std::string header(const net::Response& response, std::string_view name) {
    return std::string(response.header(name).value_or("<none>"));
  }

  static constexpr const char* base = "https://127.0.0.1";
  const std::string tenant = "22222222-2222-4222-8222-222222222222";
  const std::string subscription = "/subscriptions/11111111-1111-4111-8111-111111111111";
  const std::string net_group = subscription + "/resourceGroups/net/providers/Microsoft.Network";
  const std::string group = net_group + "/networkSecurityGroups/nsg-web";
  const std::string rules = group + "/securityRules";

  TimePoint now{std::chrono::seconds(1'795'000'000)};
  ArmModel model;
  std::string bearer;
  net::Response last;

 private:
  static ArmModel make_model(const std::string& text, const Settings& settings) {
    auto seed = read_seed(text, "seed");
    REQUIRE(seed);
    ArmModel made(std::move(seed->world), settings);
    made.cloud().tokens.accepted = seed->credentials;
    for (const auto& name : seed->resource_groups) made.cloud().resource_groups.insert(lower(name));
    return made;
  }
};

/// The body of a rule PUT; `changes` is merged into its properties.
inline Json rule_body(int priority, const Json& changes = Json::object()) {
  Json properties = {{"protocol", "TCP"},
                     {"access", "Allow"},
                     {"direction", "Inbound"},
                     {"priority", priority},
                     {"sourcePortRange", "*"},
                     {"destinationPortRange", "22"},
                     {"sourceAddressPrefix", "203.0.113.7/32"},
                     {"destinationAddressPrefix", "10.0.0.4"}};
  properties.merge_patch(changes);
  return {{"properties", std::move(properties)}};
}

}  // namespace portcullis::lab
