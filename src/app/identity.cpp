#include "app/identity.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <random>

namespace portcullis::app {

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

std::string make_identity(const std::string& told) {
  if (!told.empty()) return told;
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + "_" + fmt::format("{:016x}", random_seed());
}

}  // namespace portcullis::app
