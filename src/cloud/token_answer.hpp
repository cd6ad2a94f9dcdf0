#pragma once

#include <string>

#include "cloud/credential.hpp"
#include "net/http.hpp"

namespace portcullis::cloud {

/// The answer of a token endpoint, of Entra ID ("expires_in": 3599) or IMDS ("3599"): a token, or
/// why not, in terms of `Credential::exchange`. `service` begins every message; `sent` is what the
/// request held and no message may.
Result<AccessToken> read_token_answer(const net::Response& answer, std::string service,
                                      const Secret& sent, TimePoint now);

}  // namespace portcullis::cloud
