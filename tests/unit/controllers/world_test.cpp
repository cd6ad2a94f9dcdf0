#include "scene.hpp"

namespace portcullis::controllers {
namespace {

TEST_CASE_METHOD(Scene, "a grant that awaits clearance holds up its own account, and no other",
                 "[controllers]") {
  const std::string other = "22222222-2222-4222-8222-222222222222";
  json second = account();
  second["metadata"]["name"] = "other";
  second["metadata"]["uid"] = "other";
  second["spec"]["azure"]["subscriptionID"] = other;
  simdjson::dom::parser parser;
  world.stores.accounts.begin_replace();
  for (const json& one : {account(), second}) {
    world.stores.accounts.put(parser.parse(one.dump()).value());
  }
  world.stores.accounts.end_replace();
  json theirs = policy();
  theirs["spec"]["accountRef"]["name"] = "other";
  put(world.stores.policies, theirs);
  json scheduled = verdict();
  scheduled["spec"]["startAt"] = format_rfc3339(clock.now());
  scheduled["spec"]["targets"][0]["resourceID"] = model::virtual_machine_id(other, "web", "web-1");
  put(world.stores.verdicts, scheduled);

  const auto& waiting = *world.stores.verdicts.find("team-a/request");
  REQUIRE(world.awaits_clearance(waiting));
  CHECK_FALSE(world.grants_resolved("other"));
  CHECK(world.grants_resolved("prod"));
}

}  // namespace
}  // namespace portcullis::controllers
