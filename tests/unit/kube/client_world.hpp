#pragma once

#include <string>
#include <vector>

#include "kube/client.hpp"
#include "support/fake_transport.hpp"
#include "support/run.hpp"
#include "watch_text.hpp"

namespace portcullis::kube {

inline const Resource policies{
    .group = "portcullis.dev", .version = "v1alpha1", .plural = "jitpolicies", .kind = "JitPolicy"};
inline const ObjectName prod{.ns = "team-a", .name = "prod-ssh"};

/// Two tokens: the second once the first was rejected.
struct FakeTokens final : TokenSource {
  std::vector<std::string> tokens{"first", "second"};
  int rejected = 0;
  Result<Secret> token() override {
    return Secret(tokens[static_cast<std::size_t>(std::min(rejected, 1))]);
  }
  void reject() override { ++rejected; }
};

/// A client of a scripted server. The io_context goes first.
struct ClientWorld {
  test::FakeClock clock;
  test::FakeTransport transport{clock};
  FakeTokens tokens;
  Client client{transport, clock, &tokens, "https://api.test"};
  asio::io_context io;

  Result<nlohmann::json> get() { return test::run(io, clock, client.get(policies, prod)); }
};

}  // namespace portcullis::kube
