#include "controllers/policy_index.hpp"

#include <catch2/catch.hpp>

#include "plan/rule_codec.hpp"

namespace portcullis::controllers {
namespace {

using Keys = std::set<std::string>;

model::JitPolicy policy(const std::string& name, std::vector<model::PolicyTarget> targets) {
  model::JitPolicy policy;
  policy.meta.ns = "team-a";
  policy.meta.name = name;
  policy.account = "prod";
  policy.targets = std::move(targets);
  return policy;
}

const model::PolicyTarget web_1{.resource_group = "web", .name = "web-1"};
const model::PolicyTarget web_2{.resource_group = "web", .name = "web-2"};
const model::PolicyTarget all_of_web{.resource_group = "web", .tags = {{"tier", "web"}}};
const model::PolicyTarget all_of_data{.resource_group = "data", .tags = {{"tier", "data"}}};

TEST_CASE("a machine is asked for by its name, and by the selectors of its group",
          "[controllers]") {
  PolicyIndex index;
  const auto named = policy("named", {web_1});
  const auto other = policy("other", {web_2, all_of_data});
  const auto selecting = policy("selecting", {all_of_web});
  index.change("named", nullptr, &named);
  index.change("other", nullptr, &other);
  index.change("selecting", nullptr, &selecting);
  CHECK(index.naming("web", "web-1") == Keys{"named", "selecting"});
  CHECK(index.naming("WEB", "Web-1") == Keys{"named", "selecting"});
  CHECK(index.naming("web", "web-3") == Keys{"selecting"});
  CHECK(index.naming("data", "db-1") == Keys{"other"});
  CHECK(index.naming("net", "web-1").empty());
  CHECK(index.sharing(web_1) == Keys{"named", "selecting"});
  CHECK(index.sharing(all_of_web) == Keys{"named", "other", "selecting"});
  CHECK(index.sharing(all_of_data) == Keys{"other"});
}

TEST_CASE("a policy that changed is found by what it says now", "[controllers]") {
  PolicyIndex index;
  const auto before = policy("one", {web_1, all_of_data});
  const auto after = policy("one", {web_1, web_2});
  index.change("one", nullptr, &before);
  index.change("one", &before, &after);
  CHECK(index.naming("web", "web-1") == Keys{"one"});
  CHECK(index.naming("web", "web-2") == Keys{"one"});
  CHECK(index.naming("data", "db-1").empty());
  CHECK(index.sharing(all_of_data).empty());
}

TEST_CASE("locks have an owner as long as their policy is there", "[controllers]") {
  PolicyIndex index;
  const auto one = policy("one", {web_1});
  const std::string owner = plan::owner_of("prod", "team-a", "one");
  index.change("team-a/one", nullptr, &one);
  CHECK(index.of_owner(owner) == Keys{"team-a/one"});
  auto moved = one;
  moved.account = "test";
  index.change("team-a/one", &one, &moved);
  CHECK(index.of_owner(owner).empty());
  CHECK(index.of_owner(plan::owner_of("test", "team-a", "one")) == Keys{"team-a/one"});
  index.change("team-a/one", &moved, nullptr);
  CHECK(index.of_owner(plan::owner_of("test", "team-a", "one")).empty());
  CHECK(index.naming("web", "web-1").empty());
  CHECK(index.sharing(all_of_web).empty());
}

}  // namespace
}  // namespace portcullis::controllers
