#include "lab/tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/names.hpp"
#include "lab/world.hpp"

namespace portcullis::lab {
namespace {

std::int64_t unix_seconds(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

net::Response login_error(int status, std::string_view error, int number, std::string text,
                          const Call& call) {
  return json_answer(status,
                     {{"error", error},
                      {"error_description", fmt::format("AADSTS{}: {}", number, std::move(text))},
                      {"error_codes", {number}},
                      {"timestamp", format_rfc3339(call.now)},
                      {"trace_id", guid_of(fmt::format("trace-{}", call.number))},
                      {"correlation_id", guid_of(fmt::format("correlation-{}", call.number))}});
}

/// "https://management.azure.com//.default" asks for the audience "https://management.azure.com/".
std::string audience_of_scope(std::string_view scope) {
  const std::string_view suffix = "/.default";
  if (scope.ends_with(suffix)) scope.remove_suffix(suffix.size());
  return std::string(scope);
}

std::string without_slash(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return lower(text);
}

bool is_arm(std::string_view audience, const Settings& settings) {
  const std::array known = {
      "https://management.azure.com",         "https://management.core.windows.net",
      "https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net",
      "https://management.chinacloudapi.cn",  "https://management.core.chinacloudapi.cn"};
  const std::string wanted = without_slash(audience);
  return wanted == without_slash(settings.base_url) ||
         std::ranges::find(known, wanted) != known.end();
}

net::Response unauthorized(std::string_view code, const std::string& message, const World& world,
                           const Settings& settings, bool has_token) {
  net::Response response = arm_error(401, code, message);
  std::string challenge =
      fmt::format("Bearer authorization_uri=\"{}/{}\"", settings.base_url, world.tenant);
  if (has_token) {
    challenge += fmt::format(", error=\"invalid_token\", error_description=\"{}\"", message);
  }
  set_header(response, "WWW-Authenticate", std::move(challenge));
  return response;
}

}  // namespace

std::string Tokens::issue(const std::string& client, const std::string& audience,
                          const World& world, const Settings& settings, TimePoint now) {
  std::erase_if(issued_, [&](const auto& entry) {
    // A while after its end a token is still known, so that it is called expired and not invalid.
    return entry.second.expires + std::chrono::hours(24) < now;
  });
  const TimePoint expires = now + settings.token_life;
  const Json header = {{"typ", "JWT"}, {"alg", "RS256"}, {"kid", "lab"}};
  const Json claims = {{"aud", audience},
                       {"iss", fmt::format("https://sts.windows.net/{}/", world.tenant)},
                       {"iat", unix_seconds(now)},
                       {"nbf", unix_seconds(now)},
                       {"exp", unix_seconds(expires)},
                       {"appid", client},
                       {"oid", guid_of("object-" + client)},
                       {"tid", world.tenant},
                       {"ver", "1.0"}};
  std::string token = base64url(header.dump()) + "." + base64url(claims.dump()) + "." +
                      base64url(guid_of(fmt::format("token-{}-{}", client, ++count_)));
  issued_[token] = {client, audience, expires};
  return token;
}

net::Response Tokens::exchange(const Call& call, const World& world, const Settings& settings) {
  if (call.method != "POST") return empty_answer(405);
  if (!same_name(call.path.at(0), world.tenant)) {
    return login_error(400, "invalid_request", 90002,
                       fmt::format("Tenant '{}' not found.", call.path.at(0)), call);
  }
  const auto form = parse_form(call.request->body);
  const auto field = [&](const char* name) -> std::string {
    if (!form) return {};
    const auto found = form->find(name);
    return found == form->end() ? std::string() : found->second;
  };
  if (field("grant_type") != "client_credentials") {
    return login_error(400, "unsupported_grant_type", 70003,
                       "The app requested an unsupported grant type.", call);
  }
  const std::string client = field("client_id");
  const std::string scope = field("scope");
  if (client.empty() || scope.empty()) {
    return login_error(400, "invalid_request", 900144,
                       fmt::format("The request body must contain the following parameter: '{}'.",
                                   client.empty() ? "client_id" : "scope"),
                       call);
  }
  const Credential* credential = nullptr;
  for (const Credential& known : accepted) {
    if (known.client_id.empty() || same_name(known.client_id, client)) credential = &known;
  }
  if (!accepted.empty() && credential == nullptr) {
    return login_error(400, "unauthorized_client", 700016,
                       fmt::format("Application with identifier '{}' was not found in the "
                                   "directory '{}'.",
                                   client, world.tenant),
                       call);
  }
  const std::string secret = field("client_secret");
  const std::string assertion = field("client_assertion");
  const auto fits = [](const std::string& given, const std::string& wanted) {
    return !given.empty() && (wanted.empty() || given == wanted);
  };
  if (!assertion.empty()) {
    if (field("client_assertion_type") !=
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") {
      return login_error(400, "invalid_request", 90023, "Unsupported client_assertion_type.", call);
    }
    if (credential != nullptr && !fits(assertion, credential->federated_token)) {
      return login_error(401, "invalid_client", 700213,
                         "No matching federated identity record found for presented assertion.",
                         call);
    }
  } else if (!fits(secret, credential != nullptr ? credential->secret : std::string())) {
    return secret.empty() ? login_error(401, "invalid_client", 7000216,
                                        "'client_assertion', 'client_secret' or 'request' is "
                                        "required for the 'client_credentials' grant type.",
                                        call)
                          : login_error(401, "invalid_client", 7000215,
                                        "Invalid client secret provided.", call);
  }
  const auto life = std::chrono::floor<std::chrono::seconds>(settings.token_life).count();
  net::Response response = json_answer(
      200, {{"token_type", "Bearer"},
            {"expires_in", life},
            {"ext_expires_in", life},
            {"access_token", issue(client, audience_of_scope(scope), world, settings, call.now)}});
  set_header(response, "Cache-Control", "no-store, no-cache");
  return response;
}

net::Response Tokens::metadata(const Call& call, const World& world, const Settings& settings) {
  const auto refused = [](std::string_view error, std::string_view text) {
    return json_answer(400, {{"error", error}, {"error_description", text}});
  };
  if (call.method != "GET") return empty_answer(405);
  if (net::find_header(call.request->headers, "Metadata").value_or("") != "true") {
    return refused("bad_request_102", "Required metadata header not specified");
  }
  if (net::find_header(call.request->headers, "X-Forwarded-For")) {
    return refused("bad_request_102", "Requests through a proxy are refused");
  }
  if (call.query_or("api-version", "").empty()) {
    return refused("invalid_request", "api-version is missing");
  }
  const std::string resource = call.query_or("resource", "");
  if (resource.empty()) return refused("invalid_resource", "resource is missing");
  std::string client = call.query_or("client_id", "");
  if (client.empty()) client = call.query_or("object_id", "");
  if (client.empty()) client = call.query_or("mi_res_id", "system-assigned");
  const bool known = accepted.empty() || std::ranges::any_of(accepted, [&](const Credential& one) {
                       return one.client_id.empty() || same_name(one.client_id, client) ||
                              client == "system-assigned";
                     });
  if (!known) return refused("invalid_request", "Identity not found");
  const TimePoint expires = call.now + settings.token_life;
  return json_answer(
      200, {{"access_token", issue(client, resource, world, settings, call.now)},
            {"client_id", client},
            {"expires_in",
             fmt::to_string(std::chrono::floor<std::chrono::seconds>(settings.token_life).count())},
            {"expires_on", fmt::to_string(unix_seconds(expires))},
            {"not_before", fmt::to_string(unix_seconds(call.now))},
            {"resource", resource},
            {"token_type", "Bearer"}});
}

std::optional<net::Response> Tokens::refuse(Call& call, const World& world,
                                            const Settings& settings) const {
  const auto header = net::find_header(call.request->headers, "Authorization");
  if (!header) {
    if (!settings.require_token) return std::nullopt;
    return unauthorized("AuthenticationFailed",
                        "Authentication failed. The 'Authorization' header is missing.", world,
                        settings, false);
  }
  constexpr std::string_view scheme = "bearer ";
  if (header->size() <= scheme.size() || !same_name(header->substr(0, scheme.size()), scheme)) {
    return unauthorized("AuthenticationFailedInvalidHeader",
                        "Authentication failed. The 'Authorization' header is provided in an "
                        "invalid format.",
                        world, settings, false);
  }
  const auto found = issued_.find(std::string(header->substr(scheme.size())));
  if (found == issued_.end()) {
    return unauthorized("InvalidAuthenticationToken", "The access token is invalid.", world,
                        settings, true);
  }
  const Issued& token = found->second;
  if (token.expires <= call.now) {
    return unauthorized("ExpiredAuthenticationToken",
                        fmt::format("The access token expiry UTC time '{}' is earlier than current "
                                    "UTC time '{}'.",
                                    format_rfc3339(token.expires), format_rfc3339(call.now)),
                        world, settings, true);
  }
  if (!is_arm(token.audience, settings)) {
    return unauthorized("InvalidAuthenticationTokenAudience",
                        fmt::format("The access token has been obtained for wrong audience or "
                                    "resource '{}'. It should exactly match with one of the "
                                    "allowed audiences 'https://management.core.windows.net/',"
                                    "'https://management.azure.com/'.",
                                    token.audience),
                        world, settings, true);
  }
  call.client = token.client;
  return std::nullopt;
}

}  // namespace portcullis::lab
