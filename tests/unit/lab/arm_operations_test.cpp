#include "unit/lab/arm_client.hpp"

namespace portcullis::lab {
namespace {

using Client = ArmClient;
using Busy = Settings::Busy;

/// A client whose group has a PUT of r1 (priority 200) running; its operation's address.
std::string begin_put(Client& arm) {
  const auto answer = arm.put(arm.rules + "/r1", rule_body(200));
  REQUIRE(answer.status == 201);
  return Client::header(answer, "Azure-AsyncOperation");
}

TEST_CASE("while an operation runs in a group, the next write is a lock 429 and no throttling") {
  Client arm;
  begin_put(arm);
  const auto answer = arm.put(arm.rules + "/r2", rule_body(201));
  CHECK(answer.status == 429);
  CHECK(Client::code(answer) == "RetryableError");
  CHECK(Client::detail(answer) == "RetryableErrorDueToAnotherOperation");
  CHECK(arm.del(arm.rules + "/allow-https").status == 429);
  CHECK(arm.get(arm.rules + "/r2").status == 404);
  // Other groups go on.
  CHECK(arm.put(arm.net_group + "/networkSecurityGroups/nsg-free/securityRules/r1", rule_body(200))
            .status == 201);
  arm.finish();
  CHECK(arm.put(arm.rules + "/r2", rule_body(201)).status == 201);
}

TEST_CASE("the other answers to a second write that were seen") {
  SECTION("409") {
    Client arm(Settings{.when_busy = Busy::conflict});
    begin_put(arm);
    const auto answer = arm.put(arm.rules + "/r2", rule_body(201));
    CHECK(answer.status == 409);
    CHECK(Client::code(answer) == "AnotherOperationInProgress");
    CHECK(answer.header("x-ms-error-code"));
  }
  SECTION("the first is superseded, its write stands") {
    Client arm(Settings{.when_busy = Busy::supersede});
    const auto first = begin_put(arm);
    CHECK(arm.put(arm.rules + "/r2", rule_body(201)).status == 201);
    const Json polled = Client::json(arm.follow(first));
    CHECK(polled["status"] == "Canceled");
    CHECK(polled["error"]["details"][0]["code"] == "CanceledAndSupersededDueToAnotherOperation");
    arm.finish();
    CHECK(arm.get(arm.rules + "/r1").status == 200);
    CHECK(arm.get(arm.rules + "/r2").status == 200);
  }
  SECTION("the first is superseded, its write is lost") {
    Client arm(Settings{.when_busy = Busy::lose});
    const auto first = begin_put(arm);
    CHECK(arm.put(arm.rules + "/r2", rule_body(201)).status == 201);
    CHECK(Client::json(arm.follow(first))["status"] == "Canceled");
    arm.finish();
    CHECK(arm.get(arm.rules + "/r1").status == 404);
    CHECK(arm.get(arm.rules + "/r2").status == 200);
  }
  SECTION("both run") {
    Client arm(Settings{.when_busy = Busy::accept});
    const auto first = begin_put(arm);
    CHECK(arm.put(arm.rules + "/r2", rule_body(201)).status == 201);
    arm.finish();
    CHECK(Client::json(arm.follow(first))["status"] == "Succeeded");
    CHECK(Client::json(arm.get(arm.rules))["value"].size() == 3);
  }
}

TEST_CASE("a failed or cancelled operation polls as 200, with or without its effect") {
  const auto run = [](const char* kind, bool keeps) {
    Client arm;
    arm.admin(
        "POST", "/faults",
        {{"match", {{"method", "PUT"}}}, {"action", {{"kind", kind}, {"keepsEffect", keeps}}}});
    const auto operation = begin_put(arm);
    arm.finish();
    const auto polled = arm.follow(operation);
    CHECK(polled.status == 200);
    return std::pair(Client::json(polled)["status"].get<std::string>(),
                     arm.get(arm.rules + "/r1").status);
  };
  CHECK(run("failOperation", false) == std::pair(std::string("Failed"), 404));
  CHECK(run("failOperation", true) == std::pair(std::string("Failed"), 200));
  CHECK(run("cancelOperation", false) == std::pair(std::string("Canceled"), 404));
  CHECK(run("cancelOperation", true) == std::pair(std::string("Canceled"), 200));
}

TEST_CASE("what a failed write left says so until it is written again") {
  Client arm;
  arm.admin("POST", "/faults",
            {{"match", {{"method", "PUT"}}},
             {"action", {{"kind", "failOperation"}, {"keepsEffect", true}}}});
  const auto state = [&] {
    return Client::json(arm.get(arm.rules + "/r1"))["properties"]["provisioningState"];
  };
  begin_put(arm);
  CHECK(state() == "Updating");
  arm.finish();
  CHECK(state() == "Failed");
  // The same once more is no idle write.
  CHECK(arm.put(arm.rules + "/r1", rule_body(200)).status == 200);
  CHECK(state() == "Updating");
  arm.finish();
  CHECK(state() == "Succeeded");
}

TEST_CASE("a failed change goes back to the rule that was, a failed delete leaves it") {
  Client arm;
  const std::string path = arm.rules + "/allow-https";
  const Json before = Client::json(arm.get(path))["properties"];
  const Json fault = {{"times", 2},
                      {"action", {{"kind", "failOperation"}}},
                      {"match", {{"path", "securityRules/"}}}};
  arm.admin("POST", "/faults", fault);
  CHECK(arm.put(path, rule_body(201)).status == 200);
  arm.finish();
  CHECK(arm.del(path).status == 202);
  arm.finish();
  CHECK(Client::json(arm.get(path))["properties"] == before);
  CHECK(Client::json(arm.get(arm.group))["properties"]["provisioningState"] == "Failed");
}

TEST_CASE("a slow operation ends later, and one that never ends never does") {
  Client arm;
  arm.admin(
      "POST", "/faults",
      {{"action", {{"kind", "slowOperation"}, {"seconds", 60}}}, {"match", {{"method", "PUT"}}}});
  const auto slow = begin_put(arm);
  arm.pass(std::chrono::seconds(59));
  CHECK(Client::json(arm.follow(slow))["status"] == "InProgress");
  arm.pass(std::chrono::seconds(2));
  CHECK(Client::json(arm.follow(slow))["status"] == "Succeeded");
  arm.admin("POST", "/faults",
            {{"action", {{"kind", "slowOperation"}, {"seconds", -1}}},
             {"match", {{"method", "DELETE"}}}});
  const auto stuck = Client::header(arm.del(arm.rules + "/r1"), "Azure-AsyncOperation");
  arm.pass(std::chrono::hours(24 * 30));
  ArmClient fresh;  // the old token has expired by now
  arm.login("client_secret=s");
  arm.bearer = "Bearer " + Client::json(arm.last)["access_token"].get<std::string>();
  CHECK(Client::json(arm.follow(stuck))["status"] == "InProgress");
  CHECK(arm.put(arm.rules + "/r2", rule_body(201)).status == 429);
}

TEST_CASE("a write of the whole group replaces its rules: what is not listed is gone") {
  Client arm;
  Json rule = rule_body(200);
  rule["name"] = "only";
  const Json body = {{"location", "westeurope"},
                     {"tags", {{"owner", "net"}}},
                     {"properties", {{"securityRules", {rule}}, {"flushConnection", true}}}};
  const auto answer = arm.put(arm.group, body);
  CHECK(answer.status == 200);
  CHECK(Client::json(answer)["properties"]["provisioningState"] == "Updating");
  CHECK(answer.header("Azure-AsyncOperation"));
  arm.finish();
  const Json group = Client::json(arm.get(arm.group));
  REQUIRE(group["properties"]["securityRules"].size() == 1);
  CHECK(group["properties"]["securityRules"][0]["name"] == "only");
  CHECK(group["properties"]["flushConnection"] == true);
  CHECK(group["tags"]["owner"] == "net");
  CHECK(arm.put(arm.group, {{"location", "westeurope"}}).status == 200);
  arm.finish();
  CHECK(Client::json(arm.get(arm.group))["properties"]["securityRules"].empty());
}

TEST_CASE("a group write is checked as a whole") {
  Client arm;
  const auto with = [&](Json properties, net::Headers headers = {}) {
    return arm.put(arm.group, {{"location", "westeurope"}, {"properties", std::move(properties)}},
                   std::move(headers));
  };
  Json one = rule_body(200);
  one["name"] = "one";
  Json two = rule_body(200);
  two["name"] = "two";
  CHECK(Client::code(with({{"securityRules", {one, two}}})) == "SecurityRuleConflict");
  CHECK(Client::code(with({{"rules", Json::array()}})) == "InvalidRequestFormat");
  CHECK(Client::code(arm.put(arm.group, Json::object())) == "LocationRequired");
  CHECK(with({{"securityRules", Json::array()}}, {{"If-Match", "invalid"}}).status == 412);
  CHECK(Client::json(arm.get(arm.group))["properties"]["securityRules"].size() == 1);
}

TEST_CASE("groups are made and deleted; one that guards something is not") {
  Client arm;
  const auto in_use = arm.del(arm.group);
  CHECK(in_use.status == 400);
  CHECK(Client::code(in_use) == "InUseNetworkSecurityGroupCannotBeDeleted");
  const std::string made = arm.net_group + "/networkSecurityGroups/nsg-new";
  CHECK(arm.put(made, {{"location", "westeurope"}}).status == 201);
  arm.finish();
  const std::string etag = Client::json(arm.get(made))["etag"];
  CHECK(arm.del(made).status == 202);
  arm.finish();
  CHECK(arm.get(made).status == 404);
  CHECK(arm.del(made).status == 204);
  arm.put(made, {{"location", "westeurope"}});
  arm.finish();
  CHECK(Client::json(arm.get(made))["etag"] != etag);
}

TEST_CASE("locks: CanNotDelete stops deletes alone, ReadOnly every write, each naming its scope") {
  Client arm;
  arm.admin("POST", "/locks", {{"scope", arm.group}, {"level", "CanNotDelete"}});
  const auto answer = arm.del(arm.rules + "/allow-https");
  CHECK(answer.status == 409);
  CHECK(Client::code(answer) == "ScopeLocked");
  const std::string message = Client::json(answer)["error"]["message"];
  CHECK(message.find("locked: '" + arm.group + "'") != std::string::npos);
  CHECK(arm.put(arm.rules + "/r1", rule_body(200)).status == 201);
  arm.finish();
  arm.admin("DELETE", "/locks");
  arm.admin("POST", "/locks",
            {{"scope", arm.subscription + "/resourceGroups/NET"}, {"level", "ReadOnly"}});
  CHECK(Client::code(arm.put(arm.rules + "/r2", rule_body(201))) == "ScopeLocked");
  CHECK(Client::code(arm.del(arm.rules + "/r1")) == "ScopeLocked");
  CHECK(arm.get(arm.group).status == 200);
}

}  // namespace
}  // namespace portcullis::lab
