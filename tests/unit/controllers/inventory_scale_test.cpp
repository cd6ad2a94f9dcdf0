// How much a large subscription is read and written, counted at the HTTP requests, and how long a
// start takes there. ARM gives 250 reads and 25 more each second, so 7,500 in five minutes; half of
// that is ours to use at rest. The clock is a fake, the budgets are not: a start takes what they
// make it take.

#include <ctime>
#include <optional>

#include "api_server.hpp"
#include "controllers/account_reconciler.hpp"
#include "controllers/group_reconciler.hpp"
#include "controllers/inventory_reconciler.hpp"
#include "controllers/policy_reconciler.hpp"
#include "controllers/wiring.hpp"
#include "fleet.hpp"
#include "runtime/reconciler.hpp"
#include "scene.hpp"

namespace portcullis::controllers {
namespace {

constexpr int half_of_the_budget = 3'750;

/// What outlives a process: the cloud, and the API server's objects.
struct Surroundings {
  test::Fleet fleet;
  std::map<std::string, json> objects{};
  TimePoint now{std::chrono::seconds(1'795'000'000)};
};

/// The operator's controllers, as the program runs them, on a clock that a test moves.
class Running {
 public:
  Running(Surroundings around, std::size_t groups_read_directly)
      : clock(around.now),
        fleet(std::move(around.fleet)),
        inventory_(world, 5min, groups_read_directly) {
    api.objects = std::move(around.objects);
    if (api.objects.empty()) add_objects(static_cast<int>(fleet.machines.size()));
    fleet.asked.clear();
    kube_server.serve = [this](const net::Request& asked) { return serve(asked); };
    arm_server.serve = [this](const net::Request& asked) {
      arm_server.sent.clear();
      return fleet.serve(asked);
    };
    login_server.serve = test::token_service(tokens_issued_);
    provider_ = make_provider();
    world.operator_name = "operator";
    world.account_views["prod"] = {};
    wire(world);
    api.deliver(world);
    for (auto* controller :
         {&account_controller_, &policy_controller_, &group_controller_, &inventory_controller_}) {
      run(*controller);
      asio::co_spawn(io, controller->run_timers(), asio::detached);
    }
  }

  Surroundings stop() && {
    return {.fleet = std::move(fleet), .objects = std::move(api.objects), .now = clock.now()};
  }

  void pass(Duration time) { clock.run_for(io, time); }

  /// How long it took until all were proven locked; that is looked at every ten seconds.
  Duration pass_until_locked(Duration most) {
    const TimePoint began = clock.now();
    while (locked() < fleet.machines.size() && clock.now() - began < most) pass(10s);
    return clock.now() - began;
  }

  std::size_t locked() const {
    std::size_t count = 0;
    for (const auto& [key, view] : world.policy_views) {
      count += static_cast<std::size_t>(std::ranges::count(
          view.targets, plan::TargetState::State::locked, &plan::TargetState::state));
    }
    return count;
  }

  test::FakeClock clock;
  test::Fleet fleet;
  ApiServer api{clock};
  test::FakeTransport kube_server{clock};
  test::FakeTransport arm_server{clock};
  test::FakeTransport login_server{clock};
  kube::Client client{kube_server, clock};
  World world{
      clock,
      [this](const model::CloudAccount&) -> Result<cloud::Provider*> { return provider_.get(); },
      "abcd1234"};

 private:
  std::unique_ptr<cloud::AzureProvider> make_provider() {
    cloud::AzureOptions options = test::AzureFixture::options();
    const auto factory = [this](net::Origin origin, net::TlsOptions,
                                net::TransportOptions) -> Result<std::unique_ptr<net::Transport>> {
      const bool is_arm = net::to_string(origin) == test::arm;
      return std::make_unique<test::Forward>(is_arm ? arm_server : login_server);
    };
    return std::move(
        cloud::make_azure_provider(clock, factory, options, [](std::string) -> Result<std::string> {
          return std::string("assertion");
        }).value());
  }

  static json meta(const std::string& name, TimePoint created) {
    return {{"name", name},
            {"namespace", "team-a"},
            {"uid", "uid-" + name},
            {"resourceVersion", "1"},
            {"generation", 1},
            {"creationTimestamp", format_rfc3339(created)},
            {"finalizers", {model::finalizer}}};
  }

  void add_objects(int machines) {
    const TimePoint created = clock.now() - 1h;
    json account = {{"metadata", meta("prod", created)},
                    {"spec",
                     {{"provider", "Azure"},
                      {"azure", {{"subscriptionID", test::subscription}, {"tenantID", "t"}}},
                      {"access", {{{"namespaces", {"team-a"}}, {"resourceGroups", {"*"}}}}},
                      {"networkResourceGroups", {"net"}}}}};
    account["metadata"].erase("namespace");
    api.objects["cloudaccounts/prod"] = account;
    for (int i = 0; i <= machines / test::Fleet::in_a_resource_group; ++i) {
      const std::string name = "rg-" + std::to_string(i);
      api.objects["jitpolicies/" + name] = {
          {"metadata", meta(name, created)},
          {"spec",
           {{"accountRef", {{"name", "prod"}}},
            {"enforcement", "Enforce"},
            {"targets", {{{"selector", {{"resourceGroup", name}, {"tags", {{"tier", "web"}}}}}}}},
            {"ports", {{{"port", 22}, {"protocol", "TCP"}, {"maxDuration", "1h"}}}}}}};
    }
  }

  /// A watch tells at once what was written about a policy.
  Result<net::Response> serve(const net::Request& asked) {
    auto answer = api.serve(asked);
    const auto at = asked.target.find("/jitpolicies/");
    if (asked.method != "PATCH" || at == std::string::npos) return answer;
    const auto from = at + std::string("/jitpolicies/").size();
    const std::string name = asked.target.substr(from, asked.target.find('/', from) - from);
    simdjson::dom::parser parser;
    const std::string object = api.objects.at("jitpolicies/" + name).dump();
    world.stores.policies.put(parser.parse(object).value());
    return answer;
  }

  void run(runtime::Controller& controller) {
    using Urgency = runtime::Workqueue::Urgency;
    const int workers = controller.options().workers;
    const int closing_workers = controller.options().closing_workers;
    for (int worker = 0; worker < workers + closing_workers; ++worker) {
      asio::co_spawn(io, controller.work(worker < workers ? Urgency::background : Urgency::closing),
                     asio::detached);
    }
  }

  int tokens_issued_ = 0;
  std::unique_ptr<cloud::AzureProvider> provider_;
  kube::EventSender events_{client, "test"};
  AccountReconciler accounts_{world, client, events_};
  InventoryReconciler inventory_;
  PolicyReconciler policies_{world, client, events_};
  GroupReconciler groups_{world, client, [] { return true; }};
  runtime::Controller account_controller_{
      {.name = "account", .workers = 8}, accounts_, world.account_queue, clock, 1};
  runtime::Controller inventory_controller_{
      {.name = "inventory", .workers = 4}, inventory_, world.inventory_queue, clock, 2};
  runtime::Controller policy_controller_{
      {.name = "policy", .workers = 16}, policies_, world.policy_queue, clock, 3};
  runtime::Controller group_controller_{{.name = "group", .workers = 64, .closing_workers = 16},
                                        groups_,
                                        world.group_queue,
                                        clock,
                                        4};

 public:
  asio::io_context io;  // last: its coroutines must die before what they refer to
};

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void print(const std::string& name, double value, double limit) {
  fmt::print("FIGURE {}\t{:g}\t{:g}\n", name, value, limit);
}

double minutes_of(Duration time) { return static_cast<double>(time.count()) / 60'000; }

int writes_of(const test::Fleet& fleet) {
  int sum = 0;
  for (const char* write : {"PUT securityRules", "DELETE securityRules"}) {
    if (const auto found = fleet.asked.find(write); found != fleet.asked.end())
      sum += found->second;
  }
  return sum;
}

/// Until all is locked, and all that this has woken has calmed down.
void start(Running& running, const std::string& what) {
  const double began = processor_seconds();
  const Duration took = running.pass_until_locked(3h);
  for (const auto& [asked, count] : running.fleet.asked) {
    fmt::print("  {}: {:<32} {}\n", what, asked, count);
  }
  print(what + ": minutes until all are locked", minutes_of(took), 0);
  print(what + ": cloud reads until then", running.fleet.reads(), 0);
  print(what + ": cloud writes until then", writes_of(running.fleet), 0);
  print(what + ": processor seconds", processor_seconds() - began, 0);
  REQUIRE(running.locked() == running.fleet.machines.size());
}

/// Nothing changes: nothing is written, and little is read.
void rest(Running& running, int most_reads) {
  running.pass(5min);
  running.api.writes.clear();
  int most = 0;
  int writes = 0;
  const double began = processor_seconds();
  constexpr int periods = 6;
  for (int period = 0; period < periods; ++period) {
    running.fleet.asked.clear();
    running.pass(5min);
    most = std::max(most, running.fleet.reads());
    writes += writes_of(running.fleet);
  }
  for (const auto& [what, count] : running.fleet.asked) {
    fmt::print("  in the last period: {:<32} {}\n", what, count);
  }
  print("cloud reads at rest in five minutes, most", most, most_reads);
  print("processor seconds for five minutes at rest", (processor_seconds() - began) / periods, 0);
  CHECK(most <= most_reads);
  CHECK(writes == 0);
  CHECK(running.api.writes.empty());
  CHECK(running.locked() == running.fleet.machines.size());
}

/// What comes, changes and is tampered with is seen within one period.
void change(Running& running) {
  auto& fleet = running.fleet;
  const int groups = static_cast<int>(fleet.groups.size());
  const int newcomer = fleet.add_machine(groups - 1);
  const int second_nic = fleet.add_nic(1);
  fleet.machine(7).nics.push_back(second_nic);
  fleet.nic(11).addresses.push_back("10.200.0.11");
  fleet.nic(13).group = groups - 2;
  // A whole subnet comes behind a group; its interfaces keep theirs, but for one.
  fleet.subnets[0] = groups - 3;
  fleet.nic(17).group = -1;
  running.pass(5min + 30s);
  CHECK(fleet.is_locked(groups - 1, fleet.nic(fleet.machine(newcomer).nics[0]).addresses[0]));
  CHECK(fleet.is_locked(1, fleet.nic(second_nic).addresses[0]));
  CHECK(fleet.is_locked(11 % groups, "10.200.0.11"));
  CHECK(fleet.is_locked(groups - 2, fleet.nic(13).addresses[0]));
  CHECK(fleet.is_locked(groups - 3, fleet.nic(17).addresses[0]));

  // Somebody removes a lock: it is put back with the next reading, about a minute later.
  auto& tampered = fleet.group(5);
  std::erase_if(tampered.rules,
                [](const auto& rule) { return rule.first.find("-lock-") != std::string::npos; });
  ++tampered.writes;
  running.pass(75s);
  CHECK(fleet.is_locked(5, fleet.nic(5).addresses[0]));
}

TEST_CASE("a subscription of some size is read by lists, and what changes is locked in a period",
          "[inventory]") {
  Running running({.fleet = test::Fleet(400, 200)}, 100);
  start(running, "first start");
  // 11 pages of machines and interfaces, 12 of groups, the account's 3; the turns of 17 machines,
  // three reads each, and of 17 groups; and some luck.
  rest(running, 160);
  change(running);
}

TEST_CASE("a start of which all is locked writes no rule", "[inventory]") {
  std::optional<Running> running;
  running.emplace(Surroundings{.fleet = test::Fleet(200, 100)}, 50);
  start(*running, "first start");
  running->pass(5min);
  Surroundings left = std::move(*running).stop();
  running.reset();
  running.emplace(std::move(left), 50);
  start(*running, "restart");
  CHECK(writes_of(running->fleet) == 0);
  // Each machine's three; each group's own, and one behind each of its two machines; lists.
  CHECK(running->fleet.reads() <= 200 * 3 + 100 * 3 + 30);
}

/// `make bench BENCH="--only inventory"` runs it.
TEST_CASE("10,000 machines and 5,000 groups are read with half of the budget", "[.scale]") {
  std::optional<Running> running;
  running.emplace(Surroundings{.fleet = test::Fleet(10'000, 5'000)},
                  InventoryReconciler::most_groups_read);
  start(*running, "first start");
  rest(*running, half_of_the_budget);
  change(*running);
  running->pass(5min);
  Surroundings left = std::move(*running).stop();
  running.reset();
  running.emplace(std::move(left), InventoryReconciler::most_groups_read);
  start(*running, "restart");
  CHECK(writes_of(running->fleet) == 0);
}

}  // namespace
}  // namespace portcullis::controllers
