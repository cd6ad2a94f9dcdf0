#include "unit/lab/arm_client.hpp"

namespace portcullis::lab {
namespace {

using Client = ArmClient;

TEST_CASE("a new rule is 201 Updating with an operation and no Location, then Succeeded") {
  Client arm;
  const auto created = arm.put(arm.rules + "/r1", rule_body(200));
  CHECK(created.status == 201);
  CHECK(Client::json(created)["properties"]["provisioningState"] == "Updating");
  CHECK_FALSE(created.header("Location"));
  CHECK(Client::header(created, "Retry-After") == "1");
  const std::string operation = Client::header(created, "Azure-AsyncOperation");
  const auto running = arm.follow(operation);
  CHECK(running.status == 200);
  CHECK(Client::json(running) == Json{{"status", "InProgress"}});
  CHECK(running.header("Retry-After"));

  arm.finish();
  CHECK(Client::json(arm.follow(operation)) == Json{{"status", "Succeeded"}});
  const auto read = arm.get(arm.rules + "/r1");
  CHECK(Client::json(read)["properties"]["provisioningState"] == "Succeeded");
  CHECK(arm.put(arm.rules + "/r1", rule_body(210)).status == 200);
}

TEST_CASE("a rule comes back normalised: unused plurals empty, unused singulars absent") {
  Client arm;
  const auto created =
      arm.put(arm.rules + "/r1",
              rule_body(200, {{"access", "allow"},
                              {"description", nullptr},
                              {"sourceAddressPrefix", nullptr},
                              {"sourceAddressPrefixes", {"203.0.113.0/25", "198.51.100.7"}}}));
  REQUIRE(created.status == 201);
  const Json properties = Client::json(created)["properties"];
  CHECK(properties["protocol"] == "Tcp");
  CHECK(properties["access"] == "Allow");
  CHECK(properties["sourceAddressPrefixes"] == Json{"203.0.113.0/25", "198.51.100.7"});
  CHECK_FALSE(properties.contains("sourceAddressPrefix"));
  CHECK_FALSE(properties.contains("description"));
  CHECK(properties["destinationAddressPrefix"] == "10.0.0.4");
  CHECK(properties["destinationAddressPrefixes"] == Json::array());
  CHECK(properties["sourcePortRanges"] == Json::array());
  CHECK(properties["destinationPortRanges"] == Json::array());
}

TEST_CASE("one address comes back as it was given, or without its length where ARM drops it") {
  Client as_given;
  CHECK(Client::json(as_given.put(as_given.rules + "/r1",
                                  rule_body(200)))["properties"]["sourceAddressPrefix"] ==
        "203.0.113.7/32");
  Client dropping(Settings{.drop_host_lengths = true});
  CHECK(Client::json(dropping.put(dropping.rules + "/r1",
                                  rule_body(200)))["properties"]["sourceAddressPrefix"] ==
        "203.0.113.7");
}

TEST_CASE("a rule's etag is its group's and changes twice with each write") {
  Client arm;
  const auto etag = [&] { return Client::json(arm.get(arm.group))["etag"].get<std::string>(); };
  const std::string before = etag();
  const auto created = Client::json(arm.put(arm.rules + "/r1", rule_body(200)));
  const std::string accepted = created["etag"];
  CHECK(accepted != before);
  CHECK(accepted == etag());
  arm.finish();
  const std::string done = etag();
  CHECK(done != accepted);
  const auto read = arm.get(arm.rules + "/allow-https");
  CHECK(Client::json(read)["etag"] == done);
  CHECK(Client::header(read, "ETag") == done);
}

TEST_CASE("If-Match is the whole group's lock, unless the settings ignore it") {
  Client arm;
  const auto stale = arm.put(arm.rules + "/r1", rule_body(200), {{"If-Match", "W/\"old\""}});
  CHECK(stale.status == 412);
  CHECK(Client::code(stale) == "PreconditionFailed");
  CHECK(Client::detail(stale) == "PreconditionFailedEtagMismatch");
  const std::string etag = Client::json(arm.get(arm.group))["etag"];
  CHECK(arm.put(arm.rules + "/r1", rule_body(200), {{"If-Match", etag}}).status == 201);
  arm.finish();
  CHECK(arm.del(arm.rules + "/r1", {{"If-Match", etag}}).status == 412);

  Client careless(Settings{.honour_etags = false});
  CHECK(careless.put(careless.rules + "/r1", rule_body(200), {{"If-Match", "W/\"old\""}}).status ==
        201);
}

TEST_CASE("a PUT that changes nothing is 200 Succeeded at once, with an operation to ask") {
  Client arm;
  arm.put(arm.rules + "/r1", rule_body(200));
  arm.finish();
  const std::string etag = Client::json(arm.get(arm.group))["etag"];
  const auto again = arm.put(arm.rules + "/r1", rule_body(200));
  CHECK(again.status == 200);
  CHECK(Client::json(again)["properties"]["provisioningState"] == "Succeeded");
  CHECK(Client::json(again)["etag"] == etag);
  CHECK(Client::json(arm.follow(Client::header(again, "Azure-AsyncOperation")))["status"] ==
        "Succeeded");
}

TEST_CASE("DELETE is 202 with an empty body and both addresses; of a missing rule 204 with none") {
  Client arm;
  const auto deleted = arm.del(arm.rules + "/allow-https");
  CHECK(deleted.status == 202);
  CHECK(deleted.body.empty());
  const std::string operation = Client::header(deleted, "Azure-AsyncOperation");
  const std::string result = Client::header(deleted, "Location");
  CHECK(arm.follow(result).status == 202);
  CHECK(Client::json(arm.get(arm.rules + "/allow-https"))["properties"]["provisioningState"] ==
        "Deleting");
  arm.finish();
  CHECK(Client::json(arm.follow(operation))["status"] == "Succeeded");
  CHECK(arm.follow(result).status == 204);

  const auto missing = arm.get(arm.rules + "/allow-https");
  CHECK(missing.status == 404);
  CHECK(Client::code(missing) == "NotFound");
  CHECK(Client::json(missing)["error"]["details"] == Json::array());
  const auto again = arm.del(arm.rules + "/allow-https");
  CHECK(again.status == 204);
  CHECK_FALSE(again.header("Azure-AsyncOperation"));
}

TEST_CASE("packets meet a rule when its operation has ended, not when it was accepted") {
  Client arm;
  const auto allowed = [&] {
    const auto answer =
        arm.admin("POST", "/connect", {{"from", "alice"}, {"to", "web-1"}, {"port", 22}});
    return Client::json(answer)["allowed"].get<bool>();
  };
  CHECK_FALSE(allowed());
  arm.put(arm.rules + "/r1", rule_body(200));
  CHECK_FALSE(allowed());
  arm.finish();
  CHECK(allowed());
  arm.del(arm.rules + "/r1");
  CHECK(allowed());
  arm.finish();
  CHECK_FALSE(allowed());
}

TEST_CASE("an operation address is taken verbatim or not at all") {
  Client arm;
  const auto created = arm.put(arm.rules + "/r1", rule_body(200));
  const std::string operation = Client::header(created, "Azure-AsyncOperation");
  CHECK(operation.size() > 400);
  CHECK(arm.follow(operation.substr(0, operation.find('&'))).status == 400);
  arm.bearer.clear();
  CHECK(arm.follow(operation).status == 401);
}

TEST_CASE("default rules can be read and not written") {
  Client arm;
  const Json rules = Client::json(arm.get(arm.group + "/defaultSecurityRules"))["value"];
  REQUIRE(rules.size() == 6);
  const Json one =
      Client::json(arm.get(arm.group + "/defaultSecurityRules/AllowVnetInBound"))["properties"];
  CHECK(one["priority"] == 65000);
  CHECK(one["sourceAddressPrefix"] == "VirtualNetwork");
  CHECK(arm.del(arm.group + "/defaultSecurityRules/AllowVnetInBound").status == 405);
}

TEST_CASE("names and path words are compared without regard to letter case") {
  Client arm;
  arm.put(arm.rules + "/r1", rule_body(200));
  arm.finish();
  const auto read = arm.get(arm.subscription +
                            "/RESOURCEGROUPS/NET/providers/microsoft.network/NetworkSecurityGroups/"
                            "NSG-WEB/securityrules/R1");
  CHECK(read.status == 200);
  CHECK(Client::json(read)["name"] == "r1");
  CHECK(arm.put(arm.rules + "/R1", rule_body(201)).status == 200);
}

}  // namespace
}  // namespace portcullis::lab
