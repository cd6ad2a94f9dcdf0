#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "lab/settings.hpp"
#include "lab/wire.hpp"

namespace portcullis::lab {

struct World;

/// The login endpoint, the instance metadata endpoint, and the judge of bearer tokens. Tokens have
/// the shape of Entra's (three base64url parts), but what counts is that this object gave them out.
class Tokens {
 public:
  std::vector<Credential>
      accepted{};  ///< empty: any client id with any non-empty secret or assertion

  /// POST /{tenant}/oauth2/v2.0/token: client_credentials with a secret or a client assertion.
  net::Response exchange(const Call& call, const World& world, const Settings& settings);

  /// GET /metadata/identity/oauth2/token: needs `Metadata: true`; numbers are strings.
  net::Response metadata(const Call& call, const World& world, const Settings& settings);

  /// Sets `call.client` and returns nothing if the bearer token is good; else ARM's 401.
  std::optional<net::Response> refuse(Call& call, const World& world,
                                      const Settings& settings) const;

  /// All tokens given out so far stop working (401 InvalidAuthenticationToken).
  void revoke_all() { issued_.clear(); }

 private:
  struct Issued {
    std::string client;
    std::string audience;
    TimePoint expires;
  };

  std::string issue(const std::string& client, const std::string& audience, const World& world,
                    const Settings& settings, TimePoint now);

  std::map<std::string, Issued> issued_;
  std::uint64_t count_ = 0;
};

/// OIDC discovery, instance discovery and /metadata/endpoints; nothing if the path is none of them.
std::optional<net::Response> discovery(const Call& call, const World& world,
                                       const Settings& settings);

}  // namespace portcullis::lab
