#include <catch2/catch.hpp>

#include "azure_world.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using Kind = Error::Kind;

TEST_CASE("an answer about another resource is malformed") {
  World w;
  w.has(machine_id, R"({"id":")" + nic_1 + R"(","name":"x","properties":{"vmId":"x",)" +
                        R"("networkProfile":{"networkInterfaces":[)" + reference(nic_1) + "]}}}");
  CHECK(w.read().error().kind == Kind::malformed);
  w.has(group_id(), group_body(group_id("other")));
  CHECK(w.wait(w.provider->read_group(group_id())).error().kind == Kind::malformed);
}

TEST_CASE("a group is read by its id, in any letter case") {
  World w;
  w.has(group_id(), group_body(model::ascii_lower(group_id()), "[" + simple_rule("a") + "]"));
  const auto group = w.wait(w.provider->read_group(group_id()));
  REQUIRE(group);
  CHECK(group->rules.size() == 1);
  w.resources[group_id()] = response(404, error_body("ResourceNotFound"));
  CHECK(w.wait(w.provider->read_group(group_id())).error().kind == Kind::not_found);
}

TEST_CASE("the groups of several resource groups are listed, all pages, each once") {
  World w;
  const auto list = [](const std::string& resource_group) {
    const std::string id = group_id("x", resource_group);
    return id.substr(0, id.rfind('/'));
  };
  w.has(list("net"), R"({"value":[)" + group_body(group_id("a")) + R"(],"nextLink":")" + arm +
                         R"(/page/2?$skiptoken=t"})");
  w.has("/page/2", R"({"value":[{"id":")" + group_id("b") + R"(","etag":"W/\"2\""}]})");
  w.has(list("web"), R"({"value":[]})");
  const auto groups = w.wait(w.provider->list_groups({"net", "web", "NET", "gone"}));
  REQUIRE(groups);
  REQUIRE(groups->size() == 2);
  CHECK((*groups)[0].id == group_id("a"));
  CHECK((*groups)[0].etag.empty());
  CHECK((*groups)[1].id == group_id("b"));
  CHECK((*groups)[1].etag == "W/\"2\"");
  CHECK(w.asked[list("net")] == 1);
  CHECK(w.asked[list("gone")] == 1);

  SECTION("a list that fails is no shorter list") {
    w.resources[list("web")] =
        GENERATE(response(500), response(200, "{}"), response(200, R"({"value":[{}]})"),
                 response(403, error_body("AuthorizationFailed")));
    CHECK_FALSE(w.wait(w.provider->list_groups({"net", "web"})));
  }
  SECTION("a group with a rule that is not understood hides neither itself nor others") {
    const std::string broken = GENERATE(
        "[null,7,{},{\"name\":null},{\"name\":\"x\"},{\"name\":\"y\",\"properties\":7},"
        "{\"name\":\"portcullis-1\",\"properties\":{\"description\":\"ours\",\"priority\":null}}]",
        "7");
    w.has(list("web"), R"({"value":[{"id":")" + group_id("c", "web") +
                           R"(","properties":{"securityRules":)" + broken + "}}]}");
    const auto all = w.wait(w.provider->list_groups({"net", "web"}));
    REQUIRE(all);
    REQUIRE(all->size() == 3);
    CHECK((*all)[2].id == group_id("c", "web"));
    if (broken == "7") {
      CHECK((*all)[2].rules.empty());
    } else {
      REQUIRE((*all)[2].rules.size() == 3);
      CHECK((*all)[2].rules[2].name == "portcullis-1");
      CHECK((*all)[2].rules[2].description == "ours");
    }
  }
  SECTION("a name that is none asks nobody") {
    const auto before = w.arm_server.sent.size();
    CHECK(w.wait(w.provider->list_groups({"a/../b"})).error().kind == Kind::invalid);
    CHECK(w.arm_server.sent.size() == before);
  }
  SECTION("a group of somewhere else does not belong in the list") {
    w.has(list("web"), R"({"value":[)" + group_body("/subscriptions/other/x") + "]}");
    CHECK(w.wait(w.provider->list_groups({"web"})).error().kind == Kind::malformed);
  }
}

TEST_CASE("a rule is put at its own address and awaited") {
  AzureFixture f;
  const std::string operation = "/subscriptions/s/operations/1?t=2";
  f.arm_server.answer(201, R"({"properties":{"provisioningState":"Updating"}})",
                      {{"Azure-AsyncOperation", arm + operation}, {"Retry-After", "10"}});
  f.arm_server.answer(200, R"({"status":"Succeeded"})");
  REQUIRE(f.wait(f.provider->put_rule(group_id(), rule())));
  REQUIRE(f.arm_server.sent.size() == 2);
  const auto& put = f.arm_server.sent[0];
  CHECK(put.request.method == "PUT");
  CHECK(put.request.target ==
        group_id() + "/securityRules/portcullis-1-open-2?api-version=2024-05-01");
  CHECK_THAT(put.request.body, Catch::StartsWith(R"({"properties":{"access":"Allow")"));
  CHECK(net::find_header(put.request.headers, "If-Match") == std::nullopt);
  CHECK(put.deadline <= 8s);
  CHECK(f.arm_server.sent[1].request.target == operation);
}

TEST_CASE("why a rule was not written is told in the terms on which callers branch") {
  AzureFixture f;
  const auto [status, code, kind] = GENERATE(table<int, std::string, Kind>({
      {400, "SecurityRuleConflict", Kind::conflict},
      {404, "ResourceNotFound", Kind::not_found},
      {409, "ScopeLocked", Kind::locked},
      {409, "AnotherOperationInProgress", Kind::busy},
      {403, "RequestDisallowedByPolicy", Kind::locked},
      {403, "AuthorizationFailed", Kind::forbidden},
      {500, "InternalServerError", Kind::unavailable},
  }));
  f.arm_server.answer(status, error_body(code));
  const auto put = f.wait(f.provider->put_rule(group_id(), rule()));
  CHECK(put.error().kind == kind);
  CHECK(put.error().code == code);
  CHECK(f.arm_server.sent.size() == 1);
}

TEST_CASE("a rule that cannot be written, or not there, asks nobody") {
  AzureFixture f;
  CHECK(f.wait(f.provider->put_rule(group_id(), rule("a/b"))).error().kind == Kind::invalid);
  CHECK(f.wait(f.provider->put_rule(group_id() + "/..", rule())).error().kind == Kind::invalid);
  CHECK(f.wait(f.provider->remove_rule(group_id(), "..")).error().kind == Kind::invalid);
  CHECK(f.wait(f.provider->remove_rule("x", "a")).error().kind == Kind::invalid);
  CHECK(f.arm_server.sent.empty());
  CHECK(f.login_server.sent.empty());
}

TEST_CASE("a rule is removed when the operation has ended, or when it was gone before") {
  AzureFixture f;
  SECTION("an operation") {
    f.arm_server.answer(
        202, "", {{"Azure-AsyncOperation", arm + "/op?x=1"}, {"Location", arm + "/loc?x=1"}});
    f.arm_server.answer(200, R"({"status":"Succeeded"})");
    REQUIRE(f.wait(f.provider->remove_rule(group_id(), "a")));
    CHECK(f.arm_server.sent[0].request.method == "DELETE");
    CHECK(f.arm_server.sent[0].request.body.empty());
    CHECK(f.arm_server.sent[1].request.target == "/op?x=1");
  }
  SECTION("204") {
    f.arm_server.answer(204, "");
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")));
    CHECK(f.arm_server.sent.size() == 1);
  }
}

TEST_CASE("a 404 to a removal is judged by the group itself") {
  AzureFixture f;
  const std::string code = GENERATE("NotFound", "ResourceNotFound");
  f.arm_server.answer(404, error_body(code));
  SECTION("the group is there without the rule: gone") {
    f.arm_server.answer(200, group_body(group_id(), "[" + simple_rule("other") + "]"));
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")));
  }
  SECTION("the group is gone") {
    f.arm_server.answer(404, error_body("ResourceNotFound"));
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")).error().kind == Kind::not_found);
  }
  SECTION("the group cannot be read") {
    f.arm_server.answer(403, error_body("AuthorizationFailed"));
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")).error().kind == Kind::forbidden);
  }
  SECTION("the group has the rule all the same") {
    f.arm_server.answer(200, group_body(group_id(), "[" + simple_rule("A") + "]"));
    CHECK(f.wait(f.provider->remove_rule(group_id(), "a")).error().kind == Kind::unavailable);
  }
}

TEST_CASE("a proxy's 404 to a removal does not mean gone") {
  AzureFixture f;
  f.arm_server.answer(404, "<html>");
  CHECK(f.wait(f.provider->remove_rule(group_id(), "a")).error().kind == Kind::unavailable);
  CHECK(f.arm_server.sent.size() == 1);
}
