#pragma once

#include <optional>
#include <string>

#include "azure_fixture.hpp"
#include "cloud/arm_client.hpp"

namespace portcullis::test {

using namespace std::chrono_literals;

/// Tokens that differ, late or refused when told so.
class ArmTokens final : public cloud::Credential {
 public:
  explicit ArmTokens(Clock& with) : clock(with) {}

  Task<Result<cloud::AccessToken>> exchange(Duration) override {
    ++exchanges;
    if (slow > Duration(0)) co_await clock.sleep_for(slow);
    if (failure) co_return fail(*failure);
    co_return cloud::AccessToken{.value = Secret(canary_token + "-" + std::to_string(exchanges)),
                                 .lifetime = 1h};
  }
  Clock& clock;
  int exchanges = 0;
  Duration slow{0};
  std::optional<Error> failure;
};

/// A client of a scripted ARM. The io_context goes first.
struct ArmClientWorld {
  FakeClock clock;
  FakeTransport server{clock};
  ArmTokens credential{clock};
  cloud::Pauses pauses{clock};
  cloud::TokenProvider tokens{credential, pauses, clock};
  cloud::Budgets budgets;
  cloud::ArmClient arm_client;
  asio::io_context io;

  explicit ArmClientWorld(const std::string& origin = arm)
      : arm_client(server, tokens, pauses, clock, budgets, net::parse_url(origin)->origin) {}

  Result<net::Response> get(const std::string& target = "/subscriptions/s?api-version=1",
                            Duration deadline = 10s) {
    return run(io, clock, arm_client.get(target, deadline));
  }
  Result<net::Response> put(const std::string& target, const std::string& body) {
    net::Request request{.method = "PUT", .target = target, .body = body};
    return run(io, clock, arm_client.call(request, 8s));
  }
  Result<int> pages() {
    int pages = 0;
    const auto read = run(io, clock,
                          arm_client.read_pages(
                              "/list?api-version=1",
                              [&pages](cloud::json::Element) -> Result<Done> {
                                ++pages;
                                return Done{};
                              },
                              10s));
    if (!read) return fail(read.error());
    return pages;
  }
  std::string bearer(std::size_t request) const {
    return std::string(
        net::find_header(server.sent[request].request.headers, "Authorization").value_or(""));
  }
};

}  // namespace portcullis::test
