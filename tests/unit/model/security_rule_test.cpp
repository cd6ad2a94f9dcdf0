#include "model/security_rule.hpp"

#include <catch2/catch.hpp>

namespace portcullis::model {
namespace {

TEST_CASE("Words for people") {
  CHECK(to_string(Access::allow) == std::string("Allow"));
  CHECK(to_string(Access::deny) == std::string("Deny"));
  CHECK(to_string(Protocol::any) == std::string("Any"));
  CHECK(to_string(Protocol::tcp) == std::string("TCP"));
  CHECK(to_string(Protocol::udp) == std::string("UDP"));
  CHECK(to_string(PortRange{.first = 22, .last = 22}) == "22");
  CHECK(to_string(PortRange{.first = 8000, .last = 8010}) == "8000-8010");
}

TEST_CASE("A range of ports contains itself and what lies inside") {
  constexpr PortRange some{.first = 20, .last = 30};
  CHECK(some.contains(some));
  CHECK(some.contains({.first = 22, .last = 22}));
  CHECK_FALSE(some.contains({.first = 22, .last = 31}));
  CHECK(PortRange{}.is_all());
  CHECK_FALSE(some.is_all());
}

}  // namespace
}  // namespace portcullis::model
