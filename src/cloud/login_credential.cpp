#include "cloud/login_credential.hpp"

#include <algorithm>

#include "cloud/token_answer.hpp"
#include "net/url.hpp"

namespace portcullis::cloud {

Task<Result<AccessToken>> LoginCredential::exchange(Duration deadline) {
  const auto secret = read_secret();
  if (!secret) co_return fail(secret.error());

  net::Request request;
  request.method = "POST";
  request.target =
      options_.login_path + "/" + net::encode_component(options_.tenant_id) + "/oauth2/v2.0/token";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body = form(*secret);
  auto answer = co_await login_.send(std::move(request), deadline);
  if (!answer) {
    answer.error().message = options_.login_host + ": " + answer.error().message;
    co_return fail(answer.error());
  }
  co_return read_token_answer(*answer, options_.login_host, *secret, clock_.now());
}

Result<Secret> LoginCredential::read_secret() const {
  auto content = read_file_(options_.secret_file);
  // Nothing that a retry of the same call would mend: the credential is not there.
  if (!content) return fail(Error::Kind::unauthorized, content.error().message);
  const auto last = content->find_last_not_of(" \t\r\n");
  content->erase(last == std::string::npos ? 0 : last + 1);
  if (content->empty()) {
    return fail(Error::Kind::unauthorized, "the file " + options_.secret_file + " is empty");
  }
  return Secret(std::move(*content));
}

std::string LoginCredential::form(const Secret& secret) const {
  std::string body =
      "grant_type=client_credentials&client_id=" + net::encode_component(options_.client_id) +
      "&scope=" + net::encode_component(options_.audience + "/.default");
  if (options_.kind == CredentialKind::client_secret) {
    body += "&client_secret=";
  } else {
    body += "&client_assertion_type=" +
            net::encode_component("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") +
            "&client_assertion=";
  }
  return body + net::encode_component(secret.reveal());
}

}  // namespace portcullis::cloud
