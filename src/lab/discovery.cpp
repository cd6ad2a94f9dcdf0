#include <fmt/format.h>

#include "lab/names.hpp"
#include "lab/tokens.hpp"
#include "lab/world.hpp"
#include "net/url.hpp"

namespace portcullis::lab {
namespace {

/// What Microsoft's identity libraries read before they ask for a token.
Json openid_configuration(const std::string& tenant, const Settings& settings) {
  const std::string& base = settings.base_url;
  return {
      {"token_endpoint", fmt::format("{}/{}/oauth2/v2.0/token", base, tenant)},
      {"token_endpoint_auth_methods_supported",
       {"client_secret_post", "private_key_jwt", "client_secret_basic"}},
      {"jwks_uri", fmt::format("{}/{}/discovery/v2.0/keys", base, tenant)},
      {"response_modes_supported", {"query", "fragment", "form_post"}},
      {"subject_types_supported", {"pairwise"}},
      {"id_token_signing_alg_values_supported", {"RS256"}},
      {"response_types_supported", {"code", "id_token", "code id_token"}},
      {"scopes_supported", {"openid", "profile", "email", "offline_access"}},
      {"issuer", fmt::format("{}/{}/v2.0", base, tenant)},
      {"authorization_endpoint", fmt::format("{}/{}/oauth2/v2.0/authorize", base, tenant)},
      {"device_authorization_endpoint", fmt::format("{}/{}/oauth2/v2.0/devicecode", base, tenant)},
      {"tenant_region_scope", "EU"},
      {"cloud_instance_name", "microsoftonline.com"}};
}

}  // namespace

std::optional<net::Response> discovery(const Call& call, const World& world,
                                       const Settings& settings) {
  const auto origin = net::parse_url(settings.base_url);
  const std::string host =
      origin ? origin->origin.host + ":" + fmt::to_string(origin->origin.port) : "127.0.0.1";
  if (path_is(call, {"*", "v2.0", ".well-known", "openid-configuration"}) ||
      path_is(call, {"*", ".well-known", "openid-configuration"})) {
    const std::string& tenant = call.path.front();
    if (!same_name(tenant, world.tenant) && !same_name(tenant, "common") &&
        !same_name(tenant, "organizations")) {
      return json_answer(
          400, {{"error", "invalid_tenant"},
                {"error_description", fmt::format("AADSTS90002: Tenant '{}' not found.", tenant)},
                {"error_codes", {90002}}});
    }
    return json_answer(200, openid_configuration(world.tenant, settings));
  }
  if (path_is(call, {"*", "discovery", "v2.0", "keys"})) {
    return json_answer(200, {{"keys", Json::array()}});
  }
  if (path_is(call, {"common", "discovery", "instance"})) {
    return json_answer(
        200,
        {{"tenant_discovery_endpoint", fmt::format("{}/{}/v2.0/.well-known/openid-configuration",
                                                   settings.base_url, world.tenant)},
         {"api-version", "1.1"},
         {"metadata",
          {{{"preferred_network", host}, {"preferred_cache", host}, {"aliases", {host}}}}}});
  }
  if (path_is(call, {"metadata", "endpoints"})) {
    Json cloud = {
        {"name", "PortcullisLab"},
        {"portal", settings.base_url},
        {"resourceManager", settings.base_url + "/"},
        {"authentication",
         {{"loginEndpoint", settings.base_url + "/"},
          {"audiences", {"https://management.core.windows.net/", "https://management.azure.com/"}},
          {"tenant", "common"},
          {"identityProvider", "AAD"}}},
        {"suffixes", Json::object()}};
    // 2019-05-01 and later: a list of clouds; before, one object.
    if (call.query_or("api-version", "2019-05-01") >= "2019-05-01") {
      return json_answer(200, Json::array({std::move(cloud)}));
    }
    return json_answer(200, cloud);
  }
  return std::nullopt;
}

}  // namespace portcullis::lab
