#include "unit/lab/arm_client.hpp"

namespace portcullis::lab {
namespace {

using Client = ArmClient;

void set(Client& arm, const Json& fault) {
  REQUIRE(arm.admin("POST", "/faults", fault).status == 201);
}

Json on(const char* method, Json action) {
  return {{"match", {{"method", method}, {"path", "/securityRules/"}}}, {"action", action}};
}

TEST_CASE("a lost answer has its effect, a dropped request has none") {
  Client arm;
  set(arm, on("PUT", {{"kind", "lostAnswer"}}));
  CHECK(arm.put(arm.rules + "/r1", rule_body(200)).status == 0);
  CHECK(arm.get(arm.rules + "/r1").status == 200);
  arm.finish();
  set(arm, on("PUT", {{"kind", "dropBefore"}}));
  CHECK(arm.put(arm.rules + "/r2", rule_body(201)).status == 0);
  CHECK(arm.get(arm.rules + "/r2").status == 404);
}

TEST_CASE("a request may be met with silence") {
  Client arm;
  set(arm, on("PUT", {{"kind", "silence"}}));
  CHECK(arm.put(arm.rules + "/r1", rule_body(200)).status == 0);
  CHECK(arm.get(arm.rules + "/r1").status == 404);
  const net::Request request{.method = "PUT", .target = arm.rules + "/r2"};
  set(arm, on("PUT", {{"kind", "silence"}, {"seconds", 7}}));
  const auto answer = arm.model.answer(request, arm.now);
  CHECK(answer.delay == std::chrono::seconds(7));
  CHECK(answer.response.status == 0);
}

TEST_CASE("an effect may come after everybody gave up") {
  Client arm;
  set(arm, on("PUT", {{"kind", "lateEffect"}, {"seconds", 600}}));
  CHECK(arm.put(arm.rules + "/r1", rule_body(200)).status == 0);
  CHECK(arm.model.next_change() == arm.now + std::chrono::seconds(600));
  arm.pass(std::chrono::seconds(599));
  CHECK(arm.get(arm.rules + "/r1").status == 404);
  arm.pass(std::chrono::seconds(2));
  CHECK(arm.get(arm.rules + "/r1").status == 200);
}

TEST_CASE("throttling says what it was told to say, sensible or not") {
  Client arm;
  for (const std::string value :
       {"17", "-1", "1000000000", "soon", "Sun, 22 Nov 2026 18:45:00 GMT"}) {
    set(arm, on("PUT", {{"kind", "throttle"}, {"retryAfter", value}}));
    const auto answer = arm.put(arm.rules + "/r1", rule_body(200));
    CHECK(answer.status == 429);
    CHECK(Client::header(answer, "Retry-After") == value);
  }
  set(arm, on("PUT", {{"kind", "throttle"}}));
  CHECK_FALSE(arm.put(arm.rules + "/r1", rule_body(200)).header("Retry-After"));
  CHECK(arm.get(arm.rules + "/r1").status == 404);
}

TEST_CASE("a fault lets some pass, strikes some times, and is counted") {
  Client arm;
  Json fault = on("GET", {{"kind", "status"}, {"status", 503}});
  fault["after"] = 1;
  fault["times"] = 2;
  set(arm, fault);
  const auto ask = [&] { return arm.get(arm.rules + "/allow-https").status; };
  CHECK(ask() == 200);
  CHECK(ask() == 503);
  CHECK(arm.get(arm.group).status == 200);
  CHECK(ask() == 503);
  CHECK(ask() == 200);
  const Json listed = Client::json(arm.admin("GET", "/faults"))["faults"][0];
  CHECK(listed["hits"] == 2);
  CHECK(listed["times"] == 0);
}

TEST_CASE("a list of faults takes the place of all others; one that is broken changes nothing") {
  Client arm;
  set(arm, on("GET", {{"kind", "status"}}));
  CHECK(arm.admin("POST", "/faults", Json::array({{{"action", {{"kind", "nonsense"}}}}})).status ==
        400);
  CHECK(arm.admin("POST", "/faults", {{"action", {{"kind", "delay"}, {"second", 1}}}}).status ==
        400);
  CHECK(Client::json(arm.admin("GET", "/faults"))["faults"].size() == 1);
  set(arm, Json::array());
  CHECK(Client::json(arm.admin("GET", "/faults"))["faults"].empty());
}

TEST_CASE("somebody else takes the priority just before") {
  Client arm;
  set(arm, on("PUT", {{"kind", "foreignPriority"}}));
  const auto answer = arm.put(arm.rules + "/r1", rule_body(200));
  CHECK(Client::code(answer) == "SecurityRuleConflict");
  CHECK(arm.put(arm.rules + "/r1", rule_body(201)).status == 201);
}

TEST_CASE("answers can be bent into what a broken or hostile cloud says") {
  Client arm;
  set(arm, {{"match", {{"path", "networkSecurityGroups\\?"}}},
            {"action", {{"kind", "patch"}, {"body", {{"nextLink", "https://evil.example/x"}}}}}});
  const Json page = Client::json(arm.get(arm.net_group + "/networkSecurityGroups"));
  CHECK(page["nextLink"] == "https://evil.example/x");
  CHECK(page["value"].size() == 2);
  set(arm, on("DELETE", {{"kind", "patch"}, {"headers", {{"Location", "https://evil.example/"}}}}));
  CHECK(Client::header(arm.del(arm.rules + "/allow-https"), "Location") == "https://evil.example/");
  set(arm, on("GET", {{"kind", "status"},
                      {"status", 502},
                      {"body", "<html>Bad Gateway</html>"},
                      {"headers", {{"Content-Type", "text/html"}}}}));
  const auto html = arm.get(arm.rules + "/allow-https");
  CHECK(html.status == 502);
  CHECK(html.body == "<html>Bad Gateway</html>");
  set(arm, on("GET", {{"kind", "status"}, {"status", 400}, {"body", {{"error", {{"code", 7}}}}}}));
  CHECK(arm.get(arm.rules + "/allow-https").body == R"({"error":{"code":7}})");
}

TEST_CASE("one value deep in a true answer can be changed, and its status and headers") {
  Client arm;
  const Json fault = {
      {"match", {{"method", "GET"}, {"path", "/nsg-web\\?"}}},
      {"action",
       {{"kind", "patch"},
        {"status", 206},
        {"headers", {{"Content-Type", nullptr}, {"X-Lab", "yes"}}},
        {"body",
         Json::array({{{"op", "replace"},
                       {"path", "/properties/securityRules/0/properties/priority"},
                       {"value", nullptr}},
                      {{"op", "remove"}, {"path", "/properties/securityRules/0/name"}}})}}}};
  set(arm, fault);
  const auto bent = arm.get(arm.group);
  CHECK(bent.status == 206);
  CHECK_FALSE(bent.header("Content-Type"));
  CHECK(Client::header(bent, "X-Lab") == "yes");
  const Json rule = Client::json(bent)["properties"]["securityRules"][0];
  CHECK(rule["properties"]["priority"].is_null());
  CHECK_FALSE(rule.contains("name"));
  CHECK(Client::json(bent)["properties"]["defaultSecurityRules"].size() == 6);
  CHECK(arm.get(arm.group).status == 200);

  Json lost = fault;
  lost["action"]["body"][0]["path"] = "/properties/no/such/place";
  set(arm, lost);
  CHECK(Client::code(arm.get(arm.group)) == "FaultDoesNotFit");
}

TEST_CASE("an answer's text can be bent until it is no JSON") {
  Client arm;
  const std::string whole = arm.get(arm.group).body;
  const auto bend = [&](Json action) {
    action["kind"] = "text";
    set(arm, {{"match", {{"method", "GET"}, {"path", "/nsg-web\\?"}}}, {"action", action}});
    return arm.get(arm.group).body;
  };
  CHECK(bend({{"length", 20}}) == whole.substr(0, 20));
  CHECK(bend({{"length", whole.size() + 1000}}) == whole + std::string(1000, ' '));
  CHECK(bend({{"length", 0}}).empty());
  const std::string twice = bend({{"find", R"("name":)"}, {"replacement", R"("id":7,"name":)"}});
  CHECK(twice.size() == whole.size() + 7);
  CHECK(bend({{"find", "not in it"}, {"replacement", "x"}}) == whole);
  CHECK(arm.admin("POST", "/faults",
                  {{"action", {{"kind", "text"}, {"length", std::int64_t{1} << 40}}}})
            .status == 400);
}

TEST_CASE("reads may lag behind: a stale answer is that of last time") {
  Client arm;
  const Json before = Client::json(arm.get(arm.group));
  arm.put(arm.rules + "/r1", rule_body(200));
  arm.finish();
  set(arm, {{"match", {{"path", "nsg-web"}}}, {"action", {{"kind", "staleAnswer"}}}});
  CHECK(Client::json(arm.get(arm.group)) == before);
  const Json now = Client::json(arm.get(arm.group));
  CHECK(now["properties"]["securityRules"].size() == 2);
  // Nothing was asked before: there is nothing old to tell.
  set(arm, {{"match", {{"path", "/r1"}}}, {"action", {{"kind", "staleAnswer"}}}});
  CHECK(arm.get(arm.rules + "/r1").status == 200);
}

TEST_CASE("latency and delays are told to whoever serves the answer") {
  Client arm(Settings{.latency = std::chrono::milliseconds(30)});
  CHECK(arm.send({.target = arm.group + "?api-version=2024-05-01"}).delay ==
        std::chrono::milliseconds(30));
  set(arm, {{"action", {{"kind", "delay"}, {"seconds", 2.5}}}});
  CHECK(arm.send({.target = arm.group + "?api-version=2024-05-01"}).delay ==
        std::chrono::milliseconds(2530));
}

TEST_CASE("the token buckets empty and refill, apart for reads, writes and deletes") {
  Client arm;
  for (int at = 0; at < 250; ++at) REQUIRE(arm.get(arm.subscription, "2022-12-01").status == 200);
  CHECK(Client::header(arm.last, "x-ms-ratelimit-remaining-subscription-reads") == "0");
  const auto answer = arm.get(arm.subscription, "2022-12-01");
  CHECK(answer.status == 429);
  CHECK(Client::code(answer) == "TooManyRequests");
  CHECK(Client::header(answer, "Retry-After") == "1");
  CHECK(arm.del(arm.rules + "/none").status == 204);
  arm.pass(std::chrono::seconds(1));
  CHECK(arm.get(arm.subscription, "2022-12-01").status == 200);

  Client free(Settings{.throttling = false});
  for (int at = 0; at < 300; ++at) REQUIRE(free.get(free.subscription, "2022-12-01").status == 200);
}

TEST_CASE("the cloud's clock may be wrong in its Date") {
  Client arm(Settings{.date_skew = std::chrono::minutes(-10)});
  const auto date = parse_http_date(Client::header(arm.get(arm.group), "Date"));
  CHECK(date == arm.now - std::chrono::minutes(10));
}

}  // namespace
}  // namespace portcullis::lab
