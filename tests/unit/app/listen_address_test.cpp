#include "app/listen_address.hpp"

#include <catch2/catch.hpp>

namespace portcullis::app {
namespace {

TEST_CASE("an address to listen on is a port, with or without an IP address", "[app]") {
  const auto [text, address, port] = GENERATE(table<std::string, std::string, int>({
      {":8081", "::", 8081},
      {"127.0.0.1:8081", "127.0.0.1", 8081},
      {"0.0.0.0:1", "0.0.0.0", 1},
      {"[::1]:65535", "::1", 65535},
      {"[::]:0", "::", 0},
  }));
  const auto parsed = parse_listen_address(text);
  CAPTURE(text);
  REQUIRE(parsed);
  CHECK(*parsed == ListenAddress{address, static_cast<std::uint16_t>(port)});
}

TEST_CASE("none is nothing, and everything else is refused in words", "[app]") {
  const auto none = parse_listen_address("none");
  REQUIRE(none);
  CHECK(*none == std::nullopt);
  const std::string text = GENERATE(as<std::string>{}, "", "8081", ":", ":65536", ":-1", ":+1",
                                    ": 1", ":1 ", ":80a", "localhost:80", "::1:80",
                                    "[127.0.0.1]:80", "[]:80", "127.0.0.1", "1.2.3:80", "None");
  const auto parsed = parse_listen_address(text);
  CAPTURE(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().message.starts_with("\"" + text + "\" is no address"));
}

}  // namespace
}  // namespace portcullis::app
