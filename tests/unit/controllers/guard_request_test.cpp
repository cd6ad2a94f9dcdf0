#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

TEST_CASE_METHOD(RequestScene, "before anybody looked at the guards nothing is granted or said",
                 "[controllers][guard]") {
  world.guard = {};
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK_FALSE(is_decided());
  CHECK_FALSE(asked().contains("status"));
  world.guard.problem = "the binding is gone";
  REQUIRE(pass());
  CHECK_FALSE(is_decided());
  CHECK(message().find("the binding is gone") != std::string::npos);
  world.guard = {.holds = true};
  REQUIRE(pass());
  CHECK(is_decided());
}

}  // namespace
}  // namespace portcullis::controllers
