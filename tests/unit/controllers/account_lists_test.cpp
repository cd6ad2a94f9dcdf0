// What the lists of an account's groups find, and what they never take away.

#include "account_scene.hpp"

namespace portcullis::controllers {
namespace {

TEST_CASE_METHOD(AccountScene, "a rule of ours is found also where the scope was before a start",
                 "[controllers]") {
  const std::string old = sub + "old/providers/Microsoft.Network/networkSecurityGroups/nsg-old";
  const std::string old_key = model::resource_key(old);
  cloud.groups[old_key] = cloud.groups.at(key);
  cloud.groups[old_key].id = old;
  cloud.groups[old_key].rules.push_back(forgotten_rule(world, clock.now() - 1min));
  REQUIRE(pass());
  REQUIRE(pass());
  REQUIRE(world.groups.contains(old_key));
  CHECK_FALSE(world.swept("prod"));  // nothing is said to be closed before it was read
  CHECK_FALSE(world.group_queue.idle());
  for (int i = 0; i < 2; ++i) (void)test::run(io, clock, groups.reconcile(old_key));
  CHECK(std::ranges::none_of(cloud.groups.at(old_key).rules, [&](const auto& rule) {
    return rule.name.find("-open-") != std::string::npos;
  }));
}

TEST_CASE_METHOD(AccountScene, "a list finds the groups that rules of ours were left in",
                 "[controllers]") {
  REQUIRE(pass());
  SECTION("none of ours: it is left to those who need it") {
    REQUIRE(pass());
    CHECK(world.groups.empty());
    CHECK(world.swept("prod"));
  }
  SECTION("one of ours: nothing is known of the account before it was read") {
    cloud.groups[key].rules.push_back(forgotten_rule(world, clock.now() + 1h));
    REQUIRE(pass());
    CHECK_FALSE(world.swept("prod"));
    CHECK(world.groups[key].listed_with_ours);
    REQUIRE(group_pass());
    CHECK(world.swept("prod"));
  }
  SECTION("one that is over: it is read again, though it was before") {
    settle();
    world.groups[key].dirty = false;
    REQUIRE(pass());
    CHECK_FALSE(world.groups[key].dirty);  // nothing new in it
    cloud.groups[key].rules.push_back(forgotten_rule(world, clock.now() - 1min));
    REQUIRE(pass());
    CHECK(world.groups[key].dirty);
    REQUIRE(group_pass());
    CHECK(kinds() == Kinds{"lock", "foreign"});
  }
  SECTION("a shorter list takes nothing away") {
    settle();
    const auto groups_there = std::exchange(cloud.groups, {});
    REQUIRE(pass());
    CHECK(world.groups[key].group);
    CHECK_FALSE(world.groups[key].gone);
  }
}

}  // namespace
}  // namespace portcullis::controllers
