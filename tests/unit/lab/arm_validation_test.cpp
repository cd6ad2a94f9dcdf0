#include "unit/lab/arm_client.hpp"

namespace portcullis::lab {
namespace {

using Client = ArmClient;

/// The answer to a rule PUT whose properties are changed like this.
net::Response refused(const Json& changes) {
  Client arm;
  auto answer = arm.put(arm.rules + "/r1", rule_body(200, changes));
  // What is refused leaves nothing behind.
  if (answer.status >= 400) CHECK(arm.get(arm.rules + "/r1").status == 404);
  return answer;
}

TEST_CASE("a priority that is taken in that direction is a SecurityRuleConflict that names both") {
  Client arm;
  const auto answer = arm.put(arm.rules + "/r1", rule_body(400));
  CHECK(answer.status == 400);
  CHECK(Client::code(answer) == "SecurityRuleConflict");
  CHECK(Client::json(answer)["error"]["message"].get<std::string>().starts_with(
      "Security rule r1 conflicts with rule allow-https. Rules cannot have the same Priority and "
      "Direction."));
  CHECK(arm.put(arm.rules + "/r1", rule_body(400, {{"direction", "Outbound"}})).status == 201);
}

TEST_CASE("members that ARM does not know are refused, wherever they stand") {
  const auto inside = refused({{"sourcePrefix", "*"}});
  CHECK(inside.status == 400);
  CHECK(Client::code(inside) == "InvalidRequestFormat");
  CHECK(Client::detail(inside) == "InvalidJson");
  CHECK(Client::json(inside)["error"]["details"][0]["message"].get<std::string>().find(
            "Could not find member 'sourcePrefix'") == 0);
  Client arm;
  Json body = rule_body(200);
  body["tags"] = Json::object();
  CHECK(Client::code(arm.put(arm.rules + "/r1", body)) == "InvalidRequestFormat");
}

TEST_CASE("values that ARM refuses") {
  struct Case {
    const char* what;
    Json changes;
    const char* code;
  };
  const std::vector<Case> cases = {
      {"host bits",
       {{"sourceAddressPrefix", "20.20.20.20/16"}},
       "SecurityRuleInvalidAddressPrefix"},
      {"host bits v6",
       {{"sourceAddressPrefix", "2001:db8::1/64"}, {"destinationAddressPrefix", "*"}},
       "SecurityRuleInvalidAddressPrefix"},
      {"a length past 32",
       {{"sourceAddressPrefix", "10.0.0.0/33"}},
       "SecurityRuleInvalidAddressPrefix"},
      {"leading zeros", {{"sourceAddressPrefix", "010.0.0.1"}}, "SecurityRuleInvalidAddressPrefix"},
      {"the word any", {{"sourceAddressPrefix", "any"}}, "SecurityRuleInvalidAddressPrefix"},
      {"a name that is no tag",
       {{"sourceAddressPrefix", "AzureBastionSubnet"}},
       "SecurityRuleInvalidAddressPrefix"},
      {"both families",
       {{"sourceAddressPrefix", "2001:db8::7"}},
       "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies"},
      {"a list that overlaps",
       {{"sourceAddressPrefix", nullptr}, {"sourceAddressPrefixes", {"10.0.0.0/8", "10.1.0.0/16"}}},
       "OverlappingSubnetsNotPermittedInSecurityRule"},
      {"a tag in a list",
       {{"sourceAddressPrefix", nullptr}, {"sourceAddressPrefixes", {"Internet"}}},
       "SecurityRuleParameterContainsUnsupportedValue"},
      {"no source", {{"sourceAddressPrefix", nullptr}}, "SecurityRuleParametersMissing"},
      {"no ports", {{"destinationPortRange", nullptr}}, "SecurityRuleParametersMissing"},
      {"a port list as text", {{"destinationPortRange", "80,443"}}, "SecurityRuleInvalidPortRange"},
      {"a port past the end", {{"destinationPortRange", "65536"}}, "SecurityRuleInvalidPortRange"},
      {"a range backwards", {{"destinationPortRange", "443-80"}}, "SecurityRuleInvalidPortRange"},
      {"priority too low", {{"priority", 99}}, "SecurityRuleInvalidPriority"},
      {"priority too high", {{"priority", 4097}}, "SecurityRuleInvalidPriority"},
      {"priority as text", {{"priority", "200"}}, "InvalidRequestFormat"},
      {"no priority", {{"priority", nullptr}}, "InvalidRequestFormat"},
      {"no access", {{"access", nullptr}}, "InvalidRequestFormat"},
      {"an unknown protocol", {{"protocol", "Sctp"}}, "InvalidRequestFormat"},
      {"a description past 140",
       {{"description", std::string(141, 'x')}},
       "SecurityRuleDescriptionTooLong"},
  };
  for (const Case& one : cases) {
    INFO(one.what);
    const auto answer = refused(one.changes);
    CHECK(answer.status == 400);
    CHECK(Client::code(answer) == one.code);
  }
  CHECK(refused({{"description", std::string(140, 'x')}}).status == 201);
  CHECK(refused({{"sourceAddressPrefix", "*"}, {"destinationPortRange", "*"}}).status == 201);
  CHECK(refused({{"sourceAddressPrefix", "Storage.WestEurope"}}).status == 201);
}

TEST_CASE("rule names have ARM's form and at most 80 characters") {
  Client arm;
  CHECK(arm.put(arm.rules + "/" + std::string(80, 'a'), rule_body(200)).status == 201);
  arm.finish();
  for (const std::string& name : {std::string(81, 'a'), std::string("-a"), std::string("a-"),
                                  std::string("a%20b"), std::string("a%2Fb")}) {
    INFO(name);
    const auto answer = arm.put(arm.rules + "/" + name, rule_body(201));
    CHECK(answer.status == 400);
    CHECK(Client::code(answer) == "InvalidResourceName");
  }
  Json other = rule_body(201);
  other["name"] = "other";
  CHECK(Client::code(arm.put(arm.rules + "/r1", other)) == "MismatchingResourceName");
}

TEST_CASE("a group holds 1,000 rules and no more") {
  Client arm;
  for (int at = 0; at < 999; ++at) {
    const Json edit = {{"priority", 1000 + at}, {"access", "Deny"}, {"ports", 22}};
    REQUIRE(arm.admin("PUT", "/nsgs/net/nsg-web/rules/f" + std::to_string(at), edit).status == 204);
  }
  const auto answer = arm.put(arm.rules + "/r1", rule_body(200));
  CHECK(answer.status == 400);
  CHECK(Client::code(answer) == "SecurityRuleCountLimitReached");
  // One that exists may still be changed.
  CHECK(arm.put(arm.rules + "/allow-https", rule_body(200)).status == 200);
}

TEST_CASE("a group holds 4,000 prefixes a side, counted over all rules") {
  Client arm;
  Json prefixes = Json::array();
  for (int at = 0; at < 3999; ++at) {
    prefixes.push_back("10." + std::to_string(at / 250) + "." + std::to_string(at % 250) + ".1");
  }
  const auto all =
      rule_body(200, {{"sourceAddressPrefix", nullptr}, {"sourceAddressPrefixes", prefixes}});
  REQUIRE(arm.put(arm.rules + "/r1", all).status == 201);  // 4,000 with allow-https
  arm.finish();
  const auto answer = arm.put(arm.rules + "/r2", rule_body(201));
  CHECK(answer.status == 400);
  CHECK(Client::code(answer) == "SecurityRuleAddressesOrPortsPerSecurityGroupLimitReached");
}

TEST_CASE("a body has to be JSON and to say so") {
  Client arm;
  const std::string target = arm.rules + "/r1?api-version=2024-05-01";
  const auto text =
      arm.model.answer({.method = "PUT",
                        .target = target,
                        .headers = {{"Authorization", arm.bearer}, {"Content-Type", "text/plain"}},
                        .body = rule_body(200).dump()},
                       arm.now);
  CHECK(text.response.status == 415);
  const auto broken = arm.send({.method = "PUT", .target = target, .body = "{"});
  CHECK(broken.response.status == 400);
  CHECK(Client::code(broken.response) == "InvalidRequestContent");
}

}  // namespace
}  // namespace portcullis::lab
