#include "unit/lab/arm_client.hpp"

namespace portcullis::lab {
namespace {

/// What the reader says of the small seed with one text replaced by another.
std::string complaint(const std::string& old, const std::string& instead) {
  std::string text = small_seed;
  const auto at = text.find(old);
  REQUIRE(at != std::string::npos);
  text.replace(at, old.size(), instead);
  const auto seed = read_seed(text, "lab.yaml");
  if (seed) return "";
  CHECK(seed.error().kind == Error::Kind::invalid);
  return seed.error().message;
}

TEST_CASE("the seed that the documentation shows can be read") {
  const auto seed = read_seed_file(PORTCULLIS_SOURCE_DIR "/docs/lab.yaml");
  REQUIRE(seed);
  CHECK(seed->world.machines.size() == 4);
  CHECK(seed->world.clients.size() == 2);
  CHECK(seed->credentials.empty());
}

TEST_CASE("the seeds for tests can be read") {
  const std::string folder = PORTCULLIS_SOURCE_DIR "/tests/data/lab/";
  const auto corporate = read_seed_file(folder + "corporate.yaml");
  REQUIRE(corporate);
  CHECK(corporate->world.groups.front().rules.size() == 52);
  const auto twins = read_seed_file(folder + "twins.yaml");
  REQUIRE(twins);
  const World& world = twins->world;
  CHECK(world.networks[0].subnets[0].security_group == group_id(world, "blue", "nsg-app"));
  CHECK(world.networks[1].subnets[0].security_group == group_id(world, "green", "nsg-app"));
  const auto gates = read_seed_file(folder + "two_gates.yaml");
  REQUIRE(gates);
  CHECK(gates->world.machines.front().interfaces.size() == 2);
}

TEST_CASE("short rules become ARM's form") {
  const auto rule = read_short_rule(
      "{priority: 300, access: deny, protocol: udp, sources: [10.0.0.0/8, 192.0.2.7], "
      "ports: [53, 1000-2000], description: no}",
      "r");
  REQUIRE(rule);
  CHECK(rule->properties["access"] == "Deny");
  CHECK(rule->properties["direction"] == "Inbound");
  CHECK(rule->properties["protocol"] == "Udp");
  CHECK(rule->properties["sourceAddressPrefixes"] == Json{"10.0.0.0/8", "192.0.2.7"});
  CHECK(rule->properties["destinationPortRanges"] == Json{"53", "1000-2000"});
  CHECK(rule->properties["destinationAddressPrefix"] == "*");
  CHECK(rule->properties["sourcePortRange"] == "*");
}

TEST_CASE("a complaint names file, line and field") {
  CHECK(complaint("priority: 400", "priority: 40") ==
        "lab.yaml:10: nsgs[0].rules[0].priority: '40' is no number from 100 to 4096");
  CHECK(complaint("listens: [22]", "listens: [ssh]") ==
        "lab.yaml:22: vms[0].listens: 'ssh' is no port");
  CHECK(complaint("listens: [22]", "listen: [22]") ==
        "lab.yaml:22: vms[0]: unknown field 'listen'");
  CHECK(complaint("nsg: nsg-web}\n  - {name: db", "nsg: nsg-wbe}\n  - {name: db")
            .starts_with("lab.yaml:16: networks[0].subnets[0].nsg: there is no NSG 'nsg-wbe'"));
  CHECK(complaint("subnet: vnet-1/db", "subnet: db")
            .starts_with("lab.yaml:29: vms[1].nics[0].subnet: there is no subnet 'db'"));
  CHECK(complaint("ip: 10.0.1.4", "ip: 10.0.1.400") ==
        "lab.yaml:29: vms[1].nics[0].ip: '10.0.1.400' is no address");
  CHECK(complaint("tenant: 22222222-2222-4222-8222-222222222222\n", "") ==
        "lab.yaml:2: field 'tenant' is missing");
  CHECK(complaint("source: Internet", "source: 10.0.0.1/8").find("invalid Address prefix") !=
        std::string::npos);
  CHECK(complaint("clients:", "clients: [").starts_with("lab.yaml:"));
  CHECK(complaint("resourceGroups: [empty]", "settings: {latency: soon}") ==
        "lab.yaml:30: settings: latency: no duration, such as 200ms");
}

TEST_CASE("settings in a seed keep their types") {
  const std::string text =
      std::string(small_seed) +
      "settings: {latency: 20ms, pageSize: 2, throttling: false, whenBusy: lose}\n";
  const auto seed = read_seed(text, "seed");
  REQUIRE(seed);
  CHECK(seed->settings.latency == std::chrono::milliseconds(20));
  CHECK(seed->settings.page_size == 2);
  CHECK_FALSE(seed->settings.throttling);
  CHECK(seed->settings.when_busy == Settings::Busy::lose);
}

TEST_CASE("a file that is not there is not_found") {
  CHECK(read_seed_file("/nonexistent/lab.yaml").error().kind == Error::Kind::not_found);
}

}  // namespace
}  // namespace portcullis::lab
