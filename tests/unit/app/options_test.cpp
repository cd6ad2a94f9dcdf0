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

Parsed parse(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"portcullis", "operator"});
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
  }));
  const auto parsed = parse({flag + "=" + value});
  CAPTURE(flag, value, parsed.told);
  CHECK(parsed.line.exit == (good ? exit_code::ok : exit_code::usage));
  CHECK((parsed.told.find(flag) != std::string::npos) == !good);
  CHECK(std::ranges::count(parsed.told, '\n') == (good ? 0 : 1));
  CHECK(parsed.told.find("hunter2") == std::string::npos);
}

}  // namespace
}  // namespace portcullis::app
