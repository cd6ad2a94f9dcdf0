#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portcullis::app {

struct ListenAddress {
  std::string address;     ///< an IP address; "::" is all, of both families
  std::uint16_t port = 0;  ///< 0: any free one

  bool operator==(const ListenAddress&) const = default;
};

/// ":8081" (all addresses), "127.0.0.1:8081", "[::1]:8081"; "none" is nothing. Else `invalid`, in
/// words that go after the flag's name.
Result<std::optional<ListenAddress>> parse_listen_address(std::string_view text);

}  // namespace portcullis::app
