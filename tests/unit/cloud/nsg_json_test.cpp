#include "cloud/nsg_json.hpp"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "azure_fixture.hpp"

using namespace portcullis;
using namespace portcullis::test;
using model::Endpoint;
using model::PortRange;
using model::SecurityRule;

namespace {

/// A rule as ARM writes it, with one member replaced, added, or (with "") left out.
std::string rule_text(const std::string& member = "", const std::string& value = "") {
  std::vector<std::pair<std::string, std::string>> members = {
      {"provisioningState", R"("Succeeded")"},
      {"description", R"("for the web")"},
      {"protocol", R"("TCP")"},
      {"sourcePortRange", R"("*")"},
      {"destinationPortRange", R"("22")"},
      {"sourceAddressPrefix", R"("203.0.113.7")"},
      {"destinationAddressPrefix", R"("10.0.0.4/32")"},
      {"access", R"("Allow")"},
      {"priority", "130"},
      {"direction", R"("Inbound")"},
      {"sourcePortRanges", "[]"},
      {"destinationPortRanges", "[]"},
      {"sourceAddressPrefixes", "[]"},
      {"destinationAddressPrefixes", "[]"},
  };
  const auto found = std::ranges::find_if(members, [&](auto& one) { return one.first == member; });
  if (found == members.end()) {
    if (!member.empty()) members.emplace_back(member, value);
  } else {
    found->second = value;
  }
  std::string properties;
  for (const auto& [name, text] : members) {
    if (text.empty()) continue;
    properties += (properties.empty() ? "\"" : ",\"") + name + "\":" + text;
  }
  return R"({"name":"web","id":"/x","etag":"W/\"1\"","type":"t","properties":{)" + properties +
         "}}";
}

Result<SecurityRule> read_rule(const std::string& text) {
  const auto document = cloud::json::Document::parse(text);
  if (!document) return fail(document.error());
  return cloud::read_rule(document->root());
}

SecurityRule with(const std::string& member, const std::string& value) {
  return read_rule(rule_text(member, value)).value();
}

std::string group_text(const std::string& rules, const std::string& defaults = "[]") {
  return R"({"id":")" + group_id() + R"(","name":"web-nsg","location":"westeurope",)" +
         R"("etag":"W/\"7\"","properties":{"provisioningState":"Succeeded","securityRules":)" +
         rules + R"(,"defaultSecurityRules":)" + defaults + "}}";
}

Result<model::SecurityGroup> read_group(const std::string& text) {
  const auto document = cloud::json::Document::parse(text);
  if (!document) return fail(document.error());
  return cloud::read_group(document->root());
}

model::Prefix prefix(const std::string& text) { return model::parse_prefix(text).value(); }

}  // namespace

TEST_CASE("a rule is read as ARM writes it") {
  const SecurityRule rule = read_rule(rule_text()).value();
  CHECK(rule.name == "web");
  CHECK(rule.description == "for the web");
  CHECK(rule.priority == 130);
  CHECK(rule.access == model::Access::allow);
  CHECK(rule.direction == model::Direction::inbound);
  CHECK(rule.protocol == model::Protocol::tcp);
  CHECK(rule.source == Endpoint{.prefixes = {prefix("203.0.113.7/32")}});
  CHECK(rule.destination == Endpoint{.prefixes = {prefix("10.0.0.4/32")}});
  CHECK(rule.source_ports == std::vector{PortRange{}});
  CHECK(rule.destination_ports == std::vector{PortRange{22, 22}});
  CHECK(rule.readable);
}

TEST_CASE("equal rules read equal however they are spelled") {
  const SecurityRule rule = read_rule(rule_text()).value();
  CHECK(with("protocol", R"("Tcp")") == rule);
  CHECK(with("protocol", R"("tcp")") == rule);
  CHECK(with("access", R"("allow")") == rule);
  CHECK(with("direction", R"("INBOUND")") == rule);
  CHECK(with("sourceAddressPrefix", R"("203.0.113.7/32")") == rule);
  CHECK(with("sourceAddressPrefixes", R"(["203.0.113.7/32"])") == rule);
  CHECK(with("sourceAddressPrefixes", "null") == rule);
  CHECK(with("sourceAddressPrefixes", "") == rule);
  CHECK(with("sourcePortRange", R"("0-65535")") == rule);
  CHECK(with("sourcePortRanges", R"(["0-65535","80"])") == rule);
  CHECK(with("destinationPortRange", R"("22-22")") == rule);
  CHECK(with("destinationPortRanges", R"(["22"])") == rule);
  CHECK(with("futureMember", R"({"a":1})") == rule);
}

TEST_CASE("singular and plural are merged, sorted and without repetition") {
  const SecurityRule many = with("sourceAddressPrefixes",
                                 R"(["2001:DB8::/32","203.0.113.9","Internet","203.0.113.7/32"])");
  CHECK(many.source.prefixes ==
        std::vector{prefix("203.0.113.7"), prefix("203.0.113.9"), prefix("2001:db8::/32")});
  CHECK(many.source.tags == std::vector<std::string>{"Internet"});
  const SecurityRule ports = with("destinationPortRanges", R"(["3389","22","5985-5986"])");
  CHECK(ports.destination_ports == std::vector<PortRange>{{22, 22}, {3389, 3389}, {5985, 5986}});
  CHECK(with("sourceAddressPrefixes", R"(["*"])").source == Endpoint{.any = true});
}

TEST_CASE("the empty singular of older answers is as good as none") {
  const std::string text = R"({"name":"web","properties":{"protocol":"*","access":"Deny",
    "priority":4096,"direction":"Inbound","sourceAddressPrefix":"","sourceAddressPrefixes":["*"],
    "destinationAddressPrefix":"*","sourcePortRange":"","sourcePortRanges":["*"],
    "destinationPortRange":"*"}})";
  const SecurityRule rule = read_rule(text).value();
  CHECK(rule.readable);
  CHECK(rule.source.any);
  CHECK(rule.source.unread.empty());
}

TEST_CASE("application security groups are read in lower case") {
  const SecurityRule rule =
      with("destinationApplicationSecurityGroups", R"([{"id":"/S/B"},{"id":"/S/a"}])");
  CHECK(rule.destination.groups == std::vector<std::string>{"/s/a", "/s/b"});
  CHECK(rule.readable);
  CHECK_FALSE(with("destinationApplicationSecurityGroups", R"([{"name":"x"}])").readable);
  CHECK_FALSE(with("destinationApplicationSecurityGroups", R"({"id":"x"})").readable);
}

TEST_CASE("a value that is not known makes the rule unreadable, never another rule") {
  const auto [member, value] = GENERATE(table<std::string, std::string>({
      {"access", R"("Audit")"},
      {"access", "null"},
      {"access", ""},
      {"access", "true"},
      {"direction", R"("Sideways")"},
      {"direction", ""},
      {"protocol", R"("Sctp")"},
      {"protocol", R"("6")"},
      {"protocol", "6"},
      {"protocol", R"("Any")"},
      {"protocol", ""},
      {"sourcePortRange", R"("ssh")"},
      {"sourcePortRange", ""},
      {"sourcePortRange", "22"},
      {"destinationPortRange", R"("22-")"},
      {"destinationPortRange", R"("-22")"},
      {"destinationPortRange", R"("443-80")"},
      {"destinationPortRange", R"("65536")"},
      {"destinationPortRange", R"(" 22")"},
      {"destinationPortRange", R"("22,23")"},
      {"destinationPortRange", R"("+22")"},
      {"destinationPortRanges", R"(["22",23])"},
      {"destinationPortRanges", R"("22")"},
      {"sourceAddressPrefix", ""},
      {"sourceAddressPrefix", "7"},
      {"sourceAddressPrefixes", R"([null])"},
      {"sourceAddressPrefixes", R"({"0":"*"})"},
      {"destinationAddressPrefix", "[]"},
  }));
  INFO(member << " = " << value);
  const auto rule = read_rule(rule_text(member, value));
  REQUIRE(rule);
  CHECK_FALSE(rule->readable);
  CHECK(rule->name == "web");
  CHECK(rule->priority == 130);
}

TEST_CASE("an address that is not understood is kept as text, not dropped and not guessed") {
  const std::string text =
      GENERATE("10.1.2.3/8", "10.0.0.1-10.0.0.9", "10.0.0.0/33", "010.0.0.1", "::ffff:10.0.0.1",
               "fe80::1%eth0", "300.1.1.1", "10.0.0", "Some Tag", "*.*", "10.0.0.0/255.0.0.0");
  const SecurityRule rule = with("sourceAddressPrefix", "\"" + text + "\"");
  CHECK(rule.source.unread == std::vector<std::string>{text});
  CHECK(rule.source.prefixes.empty());
  CHECK(rule.source.tags.empty());
  CHECK_FALSE(rule.source.any);
}

TEST_CASE("everything beside something unread is kept too") {
  const SecurityRule rule =
      with("sourceAddressPrefixes", R"(["10.1.2.3/8","AzureCloud.westeurope"])");
  CHECK(rule.source.prefixes == std::vector{prefix("203.0.113.7")});
  CHECK(rule.source.tags == std::vector<std::string>{"AzureCloud.westeurope"});
  CHECK(rule.source.unread == std::vector<std::string>{"10.1.2.3/8"});
}

TEST_CASE("a rule without name, properties or a number as priority is malformed") {
  const std::string text = GENERATE(
      as<std::string>{}, R"({"properties":{"priority":100}})",
      R"({"name":"","properties":{"priority":100}})", R"({"name":7,"properties":{"priority":100}})",
      R"({"name":"web"})", R"({"name":"web","properties":null})",
      R"({"name":"web","properties":[]})", rule_text("priority", ""), rule_text("priority", "null"),
      rule_text("priority", "\"130\""), rule_text("priority", "130.5"), rule_text("priority", "-1"),
      rule_text("priority", "65536"), rule_text("priority", "18446744073709551615"), "[]", "7",
      "null");
  INFO(text);
  const auto rule = read_rule(text);
  REQUIRE_FALSE(rule);
  CHECK(rule.error().kind == Error::Kind::malformed);
}

TEST_CASE("a rule says what became of its last write, if that did not succeed") {
  CHECK(with("provisioningState", R"("Succeeded")").settled());
  CHECK(with("provisioningState", R"("succeeded")").settled());
  CHECK(with("provisioningState", "").settled());
  CHECK(with("provisioningState", "null").settled());
  CHECK(with("provisioningState", R"("Updating")").unsettled == "Updating");
  CHECK(with("provisioningState", R"("Dreaming")").unsettled == "Dreaming");
  CHECK_FALSE(model::write_failed(with("provisioningState", R"("Updating")")));
  CHECK(model::write_failed(with("provisioningState", R"("failed")")));
}

TEST_CASE("a group is read with its rules by priority") {
  auto low = rule_text("priority", "100");
  auto outbound = rule_text("direction", R"("Outbound")");
  const std::string defaults =
      "[" + rule_text("priority", "65500") + "," + rule_text("priority", "65000") + "]";
  const auto group =
      read_group(group_text("[" + outbound + "," + rule_text() + "," + low + "]", defaults));
  REQUIRE(group);
  CHECK(group->id == group_id());
  CHECK(group->location == "westeurope");
  CHECK(group->etag == "W/\"7\"");
  CHECK(group->provisioning_state == "Succeeded");
  REQUIRE(group->rules.size() == 3);
  CHECK(group->rules[0].priority == 100);
  CHECK(group->rules[1].direction == model::Direction::inbound);
  CHECK(group->rules[2].direction == model::Direction::outbound);
  REQUIRE(group->default_rules.size() == 2);
  CHECK(group->default_rules[0].priority == 65000);
}

TEST_CASE("half a group is no group") {
  const std::string bad_rule = rule_text("priority", "null");
  const std::string text = GENERATE_COPY(
      std::string("{}"), std::string("[]"), std::string(R"({"id":"/x"})"),
      std::string(R"({"id":"/x","properties":{}})"),
      std::string(R"({"id":"/x","properties":{"securityRules":[]}})"),
      std::string(R"({"id":"/x","properties":{"defaultSecurityRules":[]}})"),
      std::string(R"({"properties":{"securityRules":[],"defaultSecurityRules":[]}})"),
      group_text("null"), group_text("{}"), group_text("[7]"),
      group_text("[" + rule_text() + "," + bad_rule + "]"), group_text("[]", "[" + bad_rule + "]"));
  INFO(text);
  const auto group = read_group(text);
  REQUIRE_FALSE(group);
  CHECK(group.error().kind == Error::Kind::malformed);
}

TEST_CASE("1,001 rules are read: limits are the cloud's business") {
  std::string rules = "[" + rule_text();
  for (int i = 0; i < 1000; ++i) rules += "," + rule_text();
  CHECK(read_group(group_text(rules + "]")).value().rules.size() == 1001);
}

TEST_CASE("JSON that could mean two things, or exhaust us, is refused") {
  std::string deep;
  for (int i = 0; i < 65; ++i) deep += "[";
  const std::string text = GENERATE_COPY(
      std::string(R"({"id":"a","id":"b"})"), std::string(R"([{"x":{"y":1,"z":2,"y":3}}])"), deep,
      deep + std::string(65, ']'), std::string(100000, '['), std::string("{\"a\":NaN}"),
      std::string("{\"a\":1e400}"), std::string("{\"a\":\"\xff\"}"), std::string("\xef\xbb\xbf{"),
      std::string("{} {}"), std::string("{\"a\":\"\\ud800\"}"), std::string(1, '\0'));
  const auto document = cloud::json::Document::parse(text);
  REQUIRE_FALSE(document);
  CHECK(document.error().kind == Error::Kind::malformed);
}

TEST_CASE("a rule is written with singular fields where there is one value") {
  SecurityRule rule = read_rule(rule_text()).value();
  CHECK(cloud::rule_body(rule).value() ==
        R"({"properties":{"access":"Allow","description":"for the web",)"
        R"("destinationAddressPrefix":"10.0.0.4/32","destinationPortRange":"22",)"
        R"("direction":"Inbound","priority":130,"protocol":"Tcp",)"
        R"("sourceAddressPrefix":"203.0.113.7/32","sourcePortRange":"*"}})");
  rule.source.prefixes.push_back(prefix("203.0.113.9"));
  rule.destination_ports = {{22, 22}, {5985, 5986}};
  rule.destination = Endpoint{.any = true};
  rule.protocol = model::Protocol::any;
  rule.access = model::Access::deny;
  CHECK(cloud::rule_body(rule).value() ==
        R"({"properties":{"access":"Deny","description":"for the web",)"
        R"("destinationAddressPrefix":"*","destinationPortRanges":["22","5985-5986"],)"
        R"("direction":"Inbound","priority":130,"protocol":"*",)"
        R"("sourceAddressPrefixes":["203.0.113.7/32","203.0.113.9/32"],"sourcePortRange":"*"}})");
}

TEST_CASE("a rule that does not say what it means is not written") {
  const SecurityRule good = read_rule(rule_text()).value();
  const auto refused = [&](auto change) {
    SecurityRule rule = good;
    change(rule);
    const auto body = cloud::rule_body(rule);
    return !body && body.error().kind == Error::Kind::invalid;
  };
  CHECK_FALSE(refused([](SecurityRule&) {}));
  CHECK(refused([](SecurityRule& r) { r.readable = false; }));
  CHECK(refused([](SecurityRule& r) { r.priority = 99; }));
  CHECK(refused([](SecurityRule& r) { r.priority = 4097; }));
  CHECK(refused([](SecurityRule& r) { r.description = std::string(141, 'x'); }));
  CHECK(refused([](SecurityRule& r) { r.description = "two\nlines"; }));
  CHECK(refused([](SecurityRule& r) { r.description = "\xff"; }));
  CHECK(refused([](SecurityRule& r) { r.source = {}; }));
  CHECK(refused([](SecurityRule& r) { r.destination = {}; }));
  CHECK(refused([](SecurityRule& r) { r.source.unread = {"10.1.2.3/8"}; }));
  CHECK(refused([](SecurityRule& r) { r.source_ports = {}; }));
  CHECK(refused([](SecurityRule& r) { r.destination_ports = {}; }));
  CHECK(refused([](SecurityRule& r) { r.destination_ports = {{23, 22}}; }));
  CHECK(refused([](SecurityRule& r) { r.name = "../other"; }));
}

TEST_CASE("a rule's name is what ARM takes, and can change no path") {
  for (const std::string name : {"a", "A1", "portcullis-0a1b2c3d-open-deadbeef", "a.b_c-d",
                                 "MicrosoftDefenderForCloud-JITRule_-1105480617_9EF6"}) {
    CHECK(cloud::is_rule_name(name));
  }
  CHECK(cloud::is_rule_name(std::string(80, 'x')));
  for (const std::string name : {"", "-a", "_a", ".", "..", "a/b", "a%2fb", "a b", "a?b", "a#b",
                                 "a\r\nb", "a-", "a.", "\xc3\xa9"}) {
    INFO(name);
    CHECK_FALSE(cloud::is_rule_name(name));
  }
  CHECK_FALSE(cloud::is_rule_name(std::string(81, 'x')));
  CHECK_FALSE(cloud::is_rule_name(std::string("a\0b", 3)));
}

namespace {

/// Normalised rules: what the reader makes of any answer.
rc::Gen<Endpoint> endpoints() {
  return rc::gen::exec([] {
    Endpoint endpoint;
    if (*rc::gen::inRange(0, 4) == 0) return Endpoint{.any = true};
    const auto octets = *rc::gen::unique<std::vector<int>>(rc::gen::inRange(0, 256));
    for (const int octet : octets) {
      endpoint.prefixes.push_back(prefix("198.51.100." + std::to_string(octet)));
      endpoint.prefixes.push_back(prefix("2001:db8:" + std::to_string(octet) + "::/48"));
    }
    std::ranges::sort(endpoint.prefixes);
    if (endpoint.prefixes.empty()) endpoint.tags = {"AzureLoadBalancer"};
    if (*rc::gen::arbitrary<bool>())
      endpoint.groups = {"/subscriptions/s/asg/a", "/subscriptions/s/asg/b"};
    return endpoint;
  });
}

rc::Gen<std::vector<PortRange>> port_lists() {
  return rc::gen::exec([] {
    const auto starts = *rc::gen::unique<std::vector<int>>(rc::gen::inRange(0, 65000));
    std::vector<PortRange> ranges;
    for (const int start : starts) {
      const int length = *rc::gen::inRange(0, 500);
      ranges.push_back(
          {static_cast<std::uint16_t>(start), static_cast<std::uint16_t>(start + length)});
    }
    if (ranges.empty()) ranges = {PortRange{}};
    std::ranges::sort(ranges);
    return ranges;
  });
}

rc::Gen<SecurityRule> rules() {
  return rc::gen::exec([] {
    SecurityRule rule;
    rule.name = "rule";
    rule.description = *rc::gen::container<std::string>(rc::gen::inRange('#', 'z'));
    rule.description.resize(std::min<std::size_t>(rule.description.size(), 140));
    rule.priority = *rc::gen::inRange(100, 4097);
    rule.access = *rc::gen::element(model::Access::allow, model::Access::deny);
    rule.direction = *rc::gen::element(model::Direction::inbound, model::Direction::outbound);
    rule.protocol = static_cast<model::Protocol>(*rc::gen::inRange(0, 6));
    rule.source = *endpoints();
    rule.destination = *endpoints();
    rule.source_ports = *port_lists();
    rule.destination_ports = *port_lists();
    return rule;
  });
}

}  // namespace

TEST_CASE("what is written reads back equal") {
  CHECK(rc::check([] {
    const SecurityRule rule = *rules();
    std::string body = cloud::rule_body(rule).value();
    body.insert(1, R"("name":"rule",)");
    RC_ASSERT(read_rule(body).value() == rule);
  }));
}
