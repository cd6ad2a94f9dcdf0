#include <catch2/catch.hpp>

#include "azure_world.hpp"

using namespace portcullis;
using namespace portcullis::test;
using Kind = Error::Kind;

namespace {

const std::string in_subscription = "/subscriptions/" + subscription;
const std::string locks = in_subscription + "/providers/Microsoft.Authorization/locks";
const std::string rights =
    in_subscription + "/resourcegroups/net/providers/Microsoft.Authorization/permissions";

std::string lock_body(const std::string& scope, const std::string& level) {
  return R"({"id":")" + scope + R"(/providers/Microsoft.Authorization/locks/l","name":"l",)" +
         R"("properties":{"level":")" + level + R"("}})";
}

}  // namespace

TEST_CASE("locks are read with what they were set on, all pages") {
  World w;
  w.has(locks, R"({"value":[)" + lock_body(in_subscription, "ReadOnly") + R"(],"nextLink":")" +
                   arm + R"(/page/2?$skiptoken=t"})");
  w.has("/page/2", R"({"value":[)" + lock_body(group_id(), "CanNotDelete") + "]}");
  const auto read = w.wait(w.provider->list_locks());
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK((*read)[0].scope == in_subscription);
  CHECK((*read)[0].level == "ReadOnly");
  CHECK((*read)[1].scope == group_id());
  CHECK((*read)[1].name == "l");
}

TEST_CASE("a list of locks that cannot be understood is no shorter list") {
  World w;
  w.resources[locks] = GENERATE(
      response(200, "{}"), response(200, R"({"value":[{}]})"),
      response(200, R"({"value":[{"id":"/subscriptions/s","properties":{"level":"ReadOnly"}}]})"));
  CHECK(w.wait(w.provider->list_locks()).error().kind == Kind::malformed);
  w.resources[locks] = response(403, error_body("AuthorizationFailed"));
  CHECK(w.wait(w.provider->list_locks()).error().kind == Kind::forbidden);
}

TEST_CASE("what the credential may in a resource group is a list of roles") {
  World w;
  w.has(rights,
        R"({"value":[{"actions":["*/read",7],"notActions":["a/read"]},{"actions":["*"]}]})");
  const auto read = w.wait(w.provider->list_permissions("net"));
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK((*read)[0].actions == std::vector<std::string>{"*/read"});
  CHECK((*read)[0].not_actions == std::vector<std::string>{"a/read"});
  CHECK((*read)[1].not_actions.empty());
  const auto before = w.arm_server.sent.size();
  CHECK(w.wait(w.provider->list_permissions("..")).error().kind == Kind::invalid);
  CHECK(w.arm_server.sent.size() == before);
}
