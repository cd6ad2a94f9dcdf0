#include "app/options.hpp"

#include <catch2/catch.hpp>

#include <iostream>
#include <sstream>

namespace portcullis::app {
namespace {

using namespace std::chrono_literals;

struct Parsed {
  CommandLine line;
  std::string told;  ///< on standard error
};

Parsed parse(std::vector<std::string> flags, const std::string& command = "operator") {
  flags.insert(flags.begin(), {"portcullis", command});
  std::vector<char*> arguments;
  for (std::string& flag : flags) arguments.push_back(flag.data());
  std::ostringstream told;
  auto* const before = std::cerr.rdbuf(told.rdbuf());
  Parsed parsed{.line = parse_command_line(static_cast<int>(arguments.size()), arguments.data()),
                .told = {}};
  std::cerr.rdbuf(before);
  parsed.told = told.str();
  return parsed;
}

TEST_CASE("a lease leaves time for a write between renewals, or is refused", "[app]") {
  const auto few = parse({"--lease-duration=12s"});
  CHECK(few.line.exit == exit_code::usage);
  CHECK(few.told ==
        "portcullis: --lease-duration (12s) must be at least 13s: 9s that a write may take and "
        "twice --retry-period (2s)\n");
  CHECK(parse({"--lease-duration=12s", "--retry-period=1500ms"}).line.exit == exit_code::ok);
  CHECK(parse({"--lease-duration=13s"}).line.exit == exit_code::ok);
  CHECK_FALSE(parse({}).line.done);
  const auto upside_down = parse({"--lease-duration=5s"});
  CHECK(upside_down.line.exit == exit_code::usage);
  CHECK(upside_down.told ==
        "portcullis: --lease-duration (5s) must be above --renew-deadline (10s), which must be "
        "above 1.2 x --retry-period (2s)\n");
}

TEST_CASE("endpoints are whole addresses, or are refused without being repeated", "[app]") {
  const auto [flag, value, good] = GENERATE(table<std::string, std::string, bool>({
      {"--azure-arm-endpoint", "https://127.0.0.1:8443", true},
      {"--azure-arm-endpoint", "https://arm.example.com/", true},
      {"--azure-arm-endpoint", "https://arm.example.com/path", false},
      {"--azure-arm-endpoint", "http://arm.example.com", false},
      {"--azure-arm-endpoint", "https://", false},
      {"--azure-arm-endpoint", "https://a b", false},
      {"--azure-arm-endpoint", "https://user:hunter2@arm.example.com", false},
      {"--azure-login-endpoint", "https://adfs.example.com/adfs", true},
      {"--azure-login-endpoint", "https://adfs.example.com/?secret=hunter2", false},
      {"--azure-login-endpoint", "https://", false},
      {"--azure-login-endpoint", "http://login.example.com", false},
      {"--azure-imds-endpoint", "http://169.254.169.254", true},
      {"--azure-imds-endpoint", "http://", false},
      {"--azure-imds-endpoint", "ftp://169.254.169.254", false},
      {"--azure-budget", "50", true},
      {"--azure-budget", "0", false},
      {"--azure-budget", "half", false},
  }));
  const auto parsed = parse({flag + "=" + value});
  CAPTURE(flag, value, parsed.told);
  CHECK(parsed.line.exit == (good ? exit_code::ok : exit_code::usage));
  CHECK((parsed.told.find(flag) != std::string::npos) == !good);
  CHECK(std::ranges::count(parsed.told, '\n') == (good ? 0 : 1));
  CHECK(parsed.told.find("hunter2") == std::string::npos);
}

/// What `reap` cannot do without.
const std::vector<std::string> where = {"--subscription=1111", "--tenant=2222", "--client-id=3333",
                                        "--azure-federated-token-file=token"};

Parsed parse_reap(std::vector<std::string> flags, std::vector<std::string> base = where) {
  base.insert(base.end(), flags.begin(), flags.end());
  return parse(base, "reap");
}

TEST_CASE("reap takes the place from its flags, and little else is needed", "[app]") {
  const auto parsed = parse_reap({"--resource-group=net", "--resource-group=web", "--timeout=90s"});
  CAPTURE(parsed.told);
  REQUIRE_FALSE(parsed.line.done);
  CHECK(parsed.line.command == Command::reap);
  const ReapOptions& reap = parsed.line.reap;
  CHECK(reap.subscription == "1111");
  CHECK(reap.azure.default_client_id == "3333");
  CHECK(reap.resource_groups == std::vector<std::string>{"net", "web"});
  CHECK(reap.timeout == 90s);
  CHECK_FALSE((reap.all || reap.locks || reap.dry_run));
  CHECK(parse_reap({"--credential=managed-identity"}, {"--subscription=1111"}).line.done == false);
}

TEST_CASE("the client ID of reap has two names, and a flag wins over the environment", "[app]") {
  const std::string name = GENERATE("--client-id", "--azure-client-id");
  REQUIRE(setenv("AZURE_CLIENT_ID", "from-the-pod", 1) == 0);
  const auto parsed = parse_reap({}, {"--subscription=1111", "--tenant=2222", name + "=3333",
                                      "--azure-federated-token-file=token"});
  const auto of_the_pod = parse_reap(
      {}, {"--subscription=1111", "--tenant=2222", "--azure-federated-token-file=token"});
  REQUIRE(unsetenv("AZURE_CLIENT_ID") == 0);
  CHECK(parsed.line.reap.azure.default_client_id == "3333");
  CHECK(of_the_pod.line.reap.azure.default_client_id == "from-the-pod");
}

TEST_CASE("reap refuses what is missing, or too much for no instance", "[app]") {
  const auto [flags, told] = GENERATE(table<std::vector<std::string>, std::string>({
      {{"--all"}, "portcullis: --all needs --instance\n"},
      {{"--locks"}, "portcullis: --locks needs --instance\n"},
      {{"--credential=client-secret"},
       "portcullis: --credential=client-secret needs --azure-client-secret-file\n"},
      {{"--instance=prod"},
       "portcullis: --instance: \"prod\" must be eight characters a-z or 0-9 (see --help)\n"},
      {{"--timeout=0s"},
       "portcullis: --timeout: \"0s\" is no duration of at least 1s, such as 15s (see --help)\n"},
  }));
  const auto parsed = parse_reap(flags);
  CHECK(parsed.line.exit == exit_code::usage);
  CHECK(parsed.told == told);
  CHECK_FALSE(parse_reap({"--all", "--locks", "--instance=abcd1234"}).line.done);
  CHECK(parse_reap({}, {"--tenant=2222"}).line.exit == exit_code::usage);
  CHECK(parse_reap({}, {"--subscription=1111"}).line.exit == exit_code::usage);
  CHECK(parse_reap({"--output=yaml"}).line.exit == exit_code::usage);
}

TEST_CASE("no port is opened unless a flag or the environment says where", "[app]") {
  CHECK_FALSE(parse({}).line.options.health_listen);
  CHECK_FALSE(parse({}).line.options.metrics_listen);
  const auto given = parse({"--health-listen=:8081", "--metrics-listen=127.0.0.1:0"});
  CHECK(given.line.options.health_listen == ListenAddress{"::", 8081});
  CHECK(given.line.options.metrics_listen == ListenAddress{"127.0.0.1", 0});
  const auto wrong = parse({"--health-listen=8081"});
  CHECK(wrong.line.exit == exit_code::usage);
  CHECK(wrong.told.find("--health-listen: \"8081\" is no address") != std::string::npos);
  CHECK(std::ranges::count(wrong.told, '\n') == 1);
}

}  // namespace
}  // namespace portcullis::app
