#include "lab/netns_dataplane.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <memory>

#include "lab/judge.hpp"
#include "lab/netns_listeners.hpp"
#include "lab/netns_process.hpp"
#include "lab/netns_space.hpp"
#include "lab/netns_topology.hpp"
#include "unit/lab/netns_probes.hpp"
#include "unit/lab/netns_worlds.hpp"

namespace portcullis::lab::netns {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDropped{300};  ///< how long nothing must happen

std::vector<std::string> spaces_of_lab(const std::string& name) {
  auto spaces = list_spaces();
  std::erase_if(spaces, [&](const std::string& space) { return !is_space_of(space, name); });
  return spaces;
}

/// Nothing when this machine cannot do it, which is then said.
std::unique_ptr<Dataplane> start(const World& world, OnDeny on_deny = OnDeny::drop) {
  auto made = make_in_turn(world, "unit-test", on_deny);
  if (!made && made.error().kind == Error::Kind::unsupported) {
    WARN("not tried: " << made.error().message);
    return nullptr;
  }
  INFO((made ? "" : made.error().message));
  REQUIRE(made);
  return std::move(*made);
}

/// A lab of the sample world, and its clients' attempts.
struct Lab {
  World world = sample_world();
  std::unique_ptr<Dataplane> plane;

  bool start() {
    plane = netns::start(world);
    return plane != nullptr;
  }

  void apply() {
    const auto done = plane->apply(world);
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
  }

  std::string space(const std::string& host) const { return plane->namespaces().at(host); }

  /// The line with which the machine greets, or the error. An open port must say so at once, a
  /// closed one must stay silent: both agree with the judge.
  std::string greeting(const std::string& client, const std::string& to, std::uint16_t port = 22) {
    const bool v6 = to.find(':') != std::string::npos;
    const auto found = std::find_if(world.clients.begin(), world.clients.end(),
                                    [&](const Client& one) { return one.name == client; });
    const auto verdict = judge(world, found->addresses.at(v6 ? 1 : 0), to, port, "Tcp");
    const auto attempt =
        connect_from(space(client), to, port, verdict.allowed ? kPatient : kDropped);
    INFO(client << " -> " << to << ":" << port << ", judged by " << verdict.by);
    CHECK((attempt.error == 0) == verdict.allowed);
    return attempt.error == 0 ? read_line(attempt) : std::strerror(attempt.error);
  }
};

const std::string kSilence = std::strerror(ETIMEDOUT);

TEST_CASE("what a NIC's NSG denies is silence, until it allows the source") {
  Lab lab;
  if (!lab.start()) return;
  CHECK(lab.greeting("alice", "10.0.1.4") == kSilence);
  group(lab.world, "nic").rules = {inbound("grant", 100, "Allow", "203.0.113.7", "22"),
                                   inbound("lock", 200, "Deny", "*", "22")};
  lab.apply();
  CHECK(lab.greeting("alice", "10.0.1.4") == "nic-vm:22\n");
  CHECK(lab.greeting("bob", "10.0.1.4") == kSilence);
  CHECK(lab.greeting("alice", "10.0.1.4", 80) == kSilence);
  group(lab.world, "nic").rules.erase(group(lab.world, "nic").rules.begin());
  lab.apply();
  CHECK(lab.greeting("alice", "10.0.1.4") == kSilence);
}

TEST_CASE("a public address leads to the private one that rules name") {
  Lab lab;
  group(lab.world, "nic").rules = {inbound("four", 100, "Allow", "203.0.113.7", "22",
                                           {{"destinationAddressPrefix", "10.0.1.4"}}),
                                   inbound("six", 101, "Allow", "2001:db8:1::7", "22",
                                           {{"destinationAddressPrefix", "fd00:0:0:1::4"}})};
  if (!lab.start()) return;
  CHECK(lab.greeting("alice", "20.0.0.4") == "nic-vm:22\n");
  CHECK(lab.greeting("alice", "2001:db8:20::4") == "nic-vm:22\n");
  CHECK(lab.greeting("bob", "20.0.0.4") == kSilence);
  CHECK(lab.greeting("bob", "2001:db8:20::4") == kSilence);
}

TEST_CASE("the subnet's NSG and the NIC's must both allow") {
  Lab lab;
  if (!lab.start()) return;
  CHECK(lab.greeting("alice", "10.0.2.5") == kSilence);
  group(lab.world, "subnet").rules = {inbound("in", 100, "Allow", "*", "22")};
  lab.apply();
  CHECK(lab.greeting("alice", "10.0.2.5") == "subnet-vm:22\n");
  CHECK(lab.greeting("alice", "fd00:0:0:2::5") == "subnet-vm:22\n");
  CHECK(lab.greeting("alice", "20.0.0.6") == kSilence);
  group(lab.world, "nic").rules = {inbound("in", 100, "Allow", "Internet", "22")};
  lab.apply();
  CHECK(lab.greeting("alice", "20.0.0.6") == "both-vm:22\n");
  CHECK(lab.greeting("alice", "fd00:0:0:2::6") == "both-vm:22\n");
}

TEST_CASE("machines meet each other through their NSGs as well") {
  Lab lab;
  if (!lab.start()) return;
  const auto from_open = [&](milliseconds patience) {
    return connect_from(lab.space("vm/open-vm"), "10.0.1.4", 22, patience).error;
  };
  CHECK(from_open(kPatient) == 0);
  group(lab.world, "nic").rules = {inbound("lock", 100, "Deny", "VirtualNetwork", "22")};
  lab.apply();
  CHECK(from_open(kDropped) == ETIMEDOUT);
}

TEST_CASE("an established flow outlives the rule that let it in, a new one does not come about") {
  Lab lab;
  group(lab.world, "nic").rules = {inbound("grant", 100, "Allow", "*", "22")};
  if (!lab.start()) return;
  const auto flow = connect_from(lab.space("alice"), "20.0.0.4", 22, kPatient);
  REQUIRE(read_line(flow) == "nic-vm:22\n");
  group(lab.world, "nic").rules.clear();
  lab.apply();
  CHECK(lab.greeting("alice", "20.0.0.4") == kSilence);
  REQUIRE(send(flow.socket.get(), "still here\n", 11, MSG_NOSIGNAL) == 11);
  CHECK(read_line(flow) == "still here\n");
}

TEST_CASE(
    "an NSG with flushConnection ends the flows that its rules no longer allow, and no other") {
  Lab lab;
  group(lab.world, "nic").rules = {inbound("alice", 100, "Allow", "203.0.113.7", "22"),
                                   inbound("bob", 101, "Allow", "198.51.100.9", "22")};
  group(lab.world, "nic").flush_connection = true;
  if (!lab.start()) return;
  const auto ended = connect_from(lab.space("alice"), "20.0.0.4", 22, kPatient);
  const auto allowed = connect_from(lab.space("bob"), "20.0.0.4", 22, kPatient);
  const auto outward = connect_from(lab.space("vm/nic-vm"), "10.0.1.7", 22, kPatient);
  for (const auto* flow : {&ended, &allowed}) REQUIRE(read_line(*flow) == "nic-vm:22\n");
  REQUIRE(read_line(outward) == "open-vm:22\n");

  auto& rules = group(lab.world, "nic").rules;
  rules.erase(rules.begin());
  lab.apply();
  for (const auto* flow : {&ended, &allowed, &outward}) {
    REQUIRE(send(flow->socket.get(), "anybody?\n", 9, MSG_NOSIGNAL) == 9);
  }
  CHECK(read_line(allowed) == "anybody?\n");
  CHECK(read_line(outward) == "anybody?\n");
  CHECK(read_line(ended, kDropped) == "(nothing more)");
}

TEST_CASE("a machine that is stopped falls silent, and comes back with its rules") {
  Lab lab;
  if (!lab.start()) return;
  CHECK(lab.greeting("alice", "10.0.1.7") == "open-vm:22\n");
  lab.world.machines.back().running = false;
  lab.apply();
  CHECK(connect_from(lab.space("alice"), "10.0.1.7", 22, kDropped).error == ETIMEDOUT);
  lab.world.machines.back().running = true;
  lab.apply();
  CHECK(lab.greeting("alice", "10.0.1.7") == "open-vm:22\n");
}

TEST_CASE("a port without a listener refuses, so it can be told from a filter") {
  Lab lab;
  if (!lab.start()) return;
  CHECK(connect_from(lab.space("alice"), "10.0.1.7", 23, kPatient).error == ECONNREFUSED);
}

TEST_CASE("a machine with all the connections that it takes greets the next when one leaves") {
  Lab lab;
  if (!lab.start()) return;
  std::vector<Attempt> guests;
  for (int i = 0; i < 200; ++i) {
    guests.push_back(connect_from(lab.space("alice"), "10.0.1.7", 22, kPatient));
    REQUIRE(read_line(guests.back()) == "open-vm:22\n");
  }
  const auto waiting = connect_from(lab.space("bob"), "10.0.1.7", 80, kPatient);
  CHECK(read_line(waiting, kDropped) == "(nothing more)");
  guests.pop_back();
  CHECK(read_line(waiting) == "open-vm:80\n");
}

TEST_CASE("machines that change, come and go leave the others' flows alone") {
  Lab lab;
  if (!lab.start()) return;
  const auto flow = connect_from(lab.space("bob"), "10.0.1.7", 22, kPatient);
  REQUIRE(read_line(flow) == "open-vm:22\n");

  lab.world.interfaces[0].configurations[0].private_address = "10.0.1.44";
  group(lab.world, "nic").rules = {inbound("in", 100, "Allow", "*", "22")};
  std::erase_if(lab.world.machines, [](const Machine& one) { return one.name == "subnet-vm"; });
  add_machine(lab.world, "new-vm", "bare", "10.0.1.50", "fd00:0:0:1::50");
  lab.apply();

  CHECK(lab.greeting("alice", "10.0.1.44") == "nic-vm:22\n");
  CHECK(lab.greeting("alice", "20.0.0.4") == "nic-vm:22\n");
  CHECK(lab.greeting("alice", "10.0.1.50") == "new-vm:22\n");
  CHECK(lab.plane->namespaces().count("vm/subnet-vm") == 0);
  CHECK(connect_from(lab.space("alice"), "10.0.2.5", 22, kPatient).error != 0);
  REQUIRE(send(flow.socket.get(), "same\n", 5, MSG_NOSIGNAL) == 5);
  CHECK(read_line(flow) == "same\n");
}

TEST_CASE("a world that cannot be made leaves the one that is there as it was") {
  Lab lab;
  if (!lab.start()) return;
  const auto before = lab.plane->namespaces();
  World broken = lab.world;
  broken.clients.push_back({.name = "eve", .addresses = {"10.0.1.7"}});
  CHECK_FALSE(lab.plane->apply(broken));
  CHECK(lab.plane->namespaces() == before);
  CHECK(lab.greeting("alice", "10.0.1.7") == "open-vm:22\n");
}

TEST_CASE("nothing of it is in the caller's namespace, and nothing is left behind") {
  const auto addresses = [] {
    const auto ip = find_program("ip");
    return ip ? run({*ip, "-o", "addr"}).value() + run({*ip, "route"}).value() : "";
  };
  const auto before = addresses();
  {
    Lab lab;
    if (!lab.start()) return;
    CHECK(addresses() == before);
    CHECK(spaces_of_lab("unit-test").size() == 1 + 4 + 2);
    const auto second = make_dataplane(lab.world, "unit-test", OnDeny::drop);
    REQUIRE_FALSE(second);
    CHECK(second.error().kind == Error::Kind::conflict);
    CHECK(lab.greeting("alice", "10.0.1.7") == "open-vm:22\n");
  }
  CHECK(spaces_of_lab("unit-test").empty());
  CHECK(addresses() == before);
}

TEST_CASE("what a killed run left behind is removed at the next start") {
  if (!start(sample_world())) return;
  std::array<int, 2> ready{};
  REQUIRE(pipe(ready.data()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // whatever becomes of this test
    const auto made = make_in_turn(sample_world(), "unit-test", OnDeny::drop);
    const char answer = made ? 'y' : 'n';
    [[maybe_unused]] const auto told = write(ready[1], &answer, 1);
    pause();
  }
  char answer = 0;
  REQUIRE(read(ready[0], &answer, 1) == 1);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  REQUIRE(answer == 'y');
  CHECK(spaces_of_lab("unit-test").size() == 1 + 4 + 2);
  {
    Lab lab;
    REQUIRE(lab.start());
    CHECK(lab.greeting("alice", "10.0.1.7") == "open-vm:22\n");
  }
  CHECK(spaces_of_lab("unit-test").empty());
}

TEST_CASE("a lab needs a name that files can bear") {
  for (const char* name : {"", "a/b", "..", "with space"}) {
    const auto made = make_dataplane(World{}, name, OnDeny::drop);
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == Error::Kind::invalid);
  }
}

}  // namespace
}  // namespace portcullis::lab::netns
