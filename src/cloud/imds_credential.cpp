#include "cloud/imds_credential.hpp"

#include <algorithm>
#include <array>

#include "cloud/token_answer.hpp"
#include "net/url.hpp"

namespace portcullis::cloud {
namespace {

using std::chrono::seconds;

constexpr Duration try_deadline = seconds(10);

bool worth_another_try(const Error& error) {
  return error.kind == Error::Kind::unavailable || error.kind == Error::Kind::timeout ||
         error.kind == Error::Kind::throttled;
}

}  // namespace

Task<Result<AccessToken>> ImdsCredential::exchange(Duration deadline) {
  constexpr std::array<Duration, 4> pauses = {seconds(2), seconds(6), seconds(14), seconds(30)};
  const BootTime end = clock_.boot_now() + deadline;
  for (std::size_t tries = 0;; ++tries) {
    const BootTime now = clock_.boot_now();
    auto token = co_await try_once(std::min(end - now, try_deadline));
    if (token || !worth_another_try(token.error())) co_return token;
    if (tries == pauses.size()) co_return token;
    const Duration pause = std::max(pauses[tries], token.error().retry_after.value_or(Duration(0)));
    if (clock_.boot_now() + pause >= end) co_return token;
    const auto rested = co_await pauses_.sleep(pause);
    if (!rested) co_return fail(rested.error());
  }
}

Task<Result<AccessToken>> ImdsCredential::try_once(Duration deadline) {
  net::Request request;
  request.target = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" +
                   net::encode_component(options_.audience + "/");
  if (!options_.client_id.empty()) {
    request.target += "&client_id=" + net::encode_component(options_.client_id);
  }
  request.headers = {{"Metadata", "true"}, {"Accept", "application/json"}};
  auto answer = co_await imds_.send(std::move(request), deadline);
  if (!answer) {
    answer.error().message = "the metadata service: " + answer.error().message;
    co_return fail(answer.error());
  }
  co_return read_token_answer(*answer, "the metadata service", Secret(), clock_.now());
}

}  // namespace portcullis::cloud
