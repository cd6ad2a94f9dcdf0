#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cloud/azure_provider.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_transport.hpp"
#include "support/run.hpp"

namespace portcullis::test {

/// A transport that a test keeps in its hands while somebody else owns it.
class Forward final : public net::Transport {
 public:
  explicit Forward(FakeTransport& to) : to_(to) {}

  Task<Result<net::Response>> send(net::Request request, Duration deadline) override {
    co_return co_await to_.send(std::move(request), deadline);
  }
  Task<Result<std::unique_ptr<net::BodyStream>>> stream(net::Request request,
                                                        Duration deadline) override {
    co_return co_await to_.stream(std::move(request), deadline);
  }
  void close() override { to_.close(); }

 private:
  FakeTransport& to_;
};

inline net::Response response(int status, std::string body = "", net::Headers headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}

inline const std::string arm = "https://management.azure.com";
inline const std::string subscription = "11111111-1111-1111-1111-111111111111";
inline const std::string canary_assertion = "assertion-canary-5f3a";
inline const std::string canary_token = "token-canary-91bc";

/// Answers every token request with "token-canary-91bc-N" for an hour.
inline std::function<Result<net::Response>(const net::Request&)> token_service(int& issued) {
  return [&issued](const net::Request&) -> Result<net::Response> {
    return response(200, fmt::format(R"({{"token_type":"Bearer","expires_in":3600,)"
                                     R"("access_token":"{}-{}"}})",
                                     canary_token, ++issued));
  };
}

inline std::string group_id(const std::string& name = "web-nsg",
                            const std::string& resource_group = "net") {
  return "/subscriptions/" + subscription + "/resourceGroups/" + resource_group +
         "/providers/Microsoft.Network/networkSecurityGroups/" + name;
}

inline std::string error_body(const std::string& code, const std::string& message = "said so",
                              const std::string& details = "[]") {
  return fmt::format(R"({{"error":{{"code":"{}","message":"{}","details":{}}}}})", code, message,
                     details);
}

/// A provider over two scripted servers, made the way the program makes it.
struct AzureFixture {
  FakeClock clock;
  FakeTransport arm_server{clock};
  FakeTransport login_server{clock};
  int issued = 0;
  std::map<std::string, std::string> files = {{"/token", canary_assertion + "\n"}};
  std::vector<net::Origin> origins;
  std::unique_ptr<cloud::AzureProvider> provider;
  asio::io_context io;  // the last: frames die before what they refer to

  AzureFixture() {
    login_server.serve = token_service(issued);
    provider = make(options()).value();
  }

  static cloud::AzureOptions options() {
    cloud::AzureOptions options;
    options.endpoints = cloud::azure_endpoints("AzurePublic").value();
    options.subscription_id = subscription;
    options.tenant_id = "22222222-2222-2222-2222-222222222222";
    options.client_id = "33333333-3333-3333-3333-333333333333";
    options.secret_file = "/token";
    return options;
  }

  Result<std::unique_ptr<cloud::AzureProvider>> make(const cloud::AzureOptions& with) {
    const auto factory = [this](net::Origin origin, net::TlsOptions,
                                net::TransportOptions) -> Result<std::unique_ptr<net::Transport>> {
      origins.push_back(origin);
      const bool is_arm = net::to_string(origin) == arm;
      return std::make_unique<Forward>(is_arm ? arm_server : login_server);
    };
    return cloud::make_azure_provider(
        clock, factory, with, [this](std::string path) -> Result<std::string> {
          if (files.contains(path)) return files[path];
          return fail(Error::Kind::unavailable, "cannot read " + path + ": no such file");
        });
  }

  template <typename T>
  T wait(Task<T> task) {
    return run(io, clock, std::move(task));
  }
};

}  // namespace portcullis::test
