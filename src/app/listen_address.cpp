#include "app/listen_address.hpp"

#include <charconv>

#include "base/asio.hpp"

namespace portcullis::app {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<std::string> parse_host(std::string_view text) {
  if (text.empty()) return "::";
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (bracketed) text = text.substr(1, text.size() - 2);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(text), error);
  if (error || address.is_v6() != bracketed) return std::nullopt;
  return std::string(text);
}

}  // namespace

Result<std::optional<ListenAddress>> parse_listen_address(std::string_view text) {
  if (text == "none") return std::nullopt;
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    const auto host = parse_host(text.substr(0, colon));
    const auto port = parse_port(text.substr(colon + 1));
    if (host && port) return ListenAddress{.address = *host, .port = *port};
  }
  return fail(Error::Kind::invalid, "\"" + std::string(text) +
                                        "\" is no address to listen on, such as :8081, "
                                        "127.0.0.1:8081 or [::1]:8081, and not none");
}

}  // namespace portcullis::app
