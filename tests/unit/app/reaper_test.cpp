#include "app/reaper.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "app/flags.hpp"
#include "base/log.hpp"
#include "model/resource_id.hpp"
#include "support/fake_provider.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

using plan::RuleKind;

const std::string instance = "abcd1234";
const std::string net =
    "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/networkSecurityGroups/";

/// A subscription with security groups of one's choice, and one command on it.
struct Scene {
  test::FakeClock clock;
  test::FakeProvider cloud;
  asio::io_context io;
  Reaper::Order order{.subscription = "s"};
  std::vector<std::string> told;
  int priority = 130;
  std::unique_ptr<Reaper> reaper;

  Scene() { log::configure(log::Level::error, log::Format::text); }

  /// An open rule with that much time left, in a group.
  std::string open(const std::string& group, Duration left, const std::string& identity = "a") {
    return add(group, RuleKind::open, left, identity);
  }
  std::string add(const std::string& group, RuleKind kind, std::optional<Duration> left,
                  const std::string& identity = "a") {
    plan::OwnMark mark{.kind = kind};
    if (left) {
      mark.until = clock.now() + *left;
    } else {
      mark.owner = "abcdefghijklmnop";
    }
    const bool allows = kind == RuleKind::open || kind == RuleKind::keep;
    model::SecurityRule rule{.name = plan::rule_name(instance, kind, identity),
                             .description = plan::describe(mark),
                             .priority = priority++,
                             .access = allows ? model::Access::allow : model::Access::deny,
                             .source = {.prefixes = {*model::parse_prefix("203.0.113.7/32")}},
                             .destination = {.prefixes = {*model::parse_prefix("10.1.0.4/32")}}};
    auto& made = cloud.groups[model::resource_key(net + group)];
    made.id = net + group;
    made.rules.push_back(rule);
    return rule.name;
  }

  ReapReport run() {
    reaper = std::make_unique<Reaper>(
        cloud, clock,
        [this] {
          return plan::ReapTime{.now = clock.now(), .latest = clock.now(), .proven = true};
        },
        order, [this](const ReapLine& line) { told.push_back(to_text(line)); });
    return test::run(io, clock, reaper->run());
  }

  std::map<std::string, ReapOutcome> outcomes(const ReapReport& report) const {
    std::map<std::string, ReapOutcome> found;
    for (const ReapLine& line : report.lines) found[line.item.rule.name] = line.outcome;
    return found;
  }
};

TEST_CASE_METHOD(Scene, "what is overdue goes and is proven gone, the rest stays", "[reap]") {
  const auto over = open("one", -2h, "over");
  const auto live = open("one", 1h, "live");
  const auto lock = add("one", RuleKind::lock, std::nullopt);
  const auto second = open("two", -1s, "second");
  const auto report = run();
  CHECK(std::set(cloud.writes.begin(), cloud.writes.end()) ==
        std::set<std::string>{"remove " + over, "remove " + second});
  CHECK(outcomes(report) == std::map<std::string, ReapOutcome>{{over, ReapOutcome::removed},
                                                               {live, ReapOutcome::kept},
                                                               {lock, ReapOutcome::kept},
                                                               {second, ReapOutcome::removed}});
  CHECK(cloud.calls.back() == "read_group");  // nothing counts that was not read afterwards
  CHECK(exit_code_of(report) == exit_code::ok);
  CHECK(report.groups == 2);
  CHECK(told.size() == 3);  // a lock that nobody asked for is only counted
}

TEST_CASE_METHOD(Scene, "a dry run writes nothing, and says what would go", "[reap]") {
  const auto over = open("one", -2h);
  order.dry_run = true;
  SECTION("at once") {}
  SECTION("after a reading that failed") {
    cloud.fail_once["read_group"] = {.kind = Error::Kind::throttled, .message = "later"};
  }
  const auto report = run();
  CHECK(cloud.writes.empty());
  CHECK(report.problems.empty());
  CHECK(outcomes(report).at(over) == ReapOutcome::would_remove);
  CHECK(exit_code_of(report) == exit_code::left);
}

TEST_CASE_METHOD(Scene, "what may not be deleted is made inert, and counts as closed", "[reap]") {
  const auto over = open("one", -2h);
  cloud.fail_always["remove " + over] = {.kind = Error::Kind::locked, .message = "ScopeLocked"};
  const auto report = run();
  CHECK(cloud.writes == std::vector<std::string>{"remove " + over, "put " + over});
  CHECK(outcomes(report).at(over) == ReapOutcome::inert);
  CHECK(told.at(0).find("cannot be deleted: ScopeLocked") != std::string::npos);
  CHECK(exit_code_of(report) == exit_code::ok);
  // Once more: there is nothing to make inert any more.
  cloud.writes.clear();
  const auto again = run();
  CHECK(cloud.writes == std::vector<std::string>{"remove " + over});
  CHECK(outcomes(again).at(over) == ReapOutcome::inert);
  CHECK(told.back().find("ScopeLocked") != std::string::npos);
  CHECK(exit_code_of(again) == exit_code::ok);
}

TEST_CASE_METHOD(Scene, "what can neither be deleted nor changed is left, and the rest goes on",
                 "[reap]") {
  const auto stuck = open("one", -2h, "stuck");
  const auto over = open("one", -2h, "over");
  cloud.fail_always["remove " + stuck] = {.kind = Error::Kind::forbidden, .message = "no delete"};
  cloud.fail_always["put " + stuck] = {.kind = Error::Kind::forbidden, .message = "no write"};
  const auto report = run();
  CHECK(outcomes(report) == std::map<std::string, ReapOutcome>{{stuck, ReapOutcome::left},
                                                               {over, ReapOutcome::removed}});
  CHECK(std::ranges::count(cloud.writes, "remove " + stuck) == 1);
  CHECK(exit_code_of(report) == exit_code::left);
  CHECK(summary_of(report).find("NOT DONE") != std::string::npos);
}

TEST_CASE_METHOD(Scene, "what may pass is tried again, no earlier than the cloud says", "[reap]") {
  const auto over = open("one", -2h);
  const auto [kind, told_to_wait] = GENERATE(
      table<Error::Kind, std::optional<Duration>>({{Error::Kind::busy, std::nullopt},
                                                   {Error::Kind::throttled, 70s},
                                                   {Error::Kind::unavailable, std::nullopt},
                                                   {Error::Kind::timeout, std::nullopt}}));
  const auto* call = GENERATE("list_groups", "read_group", "remove");
  const std::string failing = call == std::string("remove") ? "remove " + over : call;
  cloud.fail_once[failing] = {.kind = kind, .message = "later", .retry_after = told_to_wait};
  const auto began = clock.boot_now();
  const auto report = run();
  CHECK(outcomes(report).at(over) == ReapOutcome::removed);
  CHECK(exit_code_of(report) == exit_code::ok);
  CHECK(clock.boot_now() - began >= told_to_wait.value_or(1s));
  CHECK(clock.boot_now() - began < 2min);
}

TEST_CASE_METHOD(Scene, "a busy group is left in peace until it may be asked again", "[reap]") {
  const auto first = open("one", -2h, "first");
  const auto second = open("one", -2h, "second");
  cloud.fail_once["remove " + first] = {
      .kind = Error::Kind::busy, .message = "busy", .retry_after = 10s};
  run();
  CHECK(cloud.writes ==
        std::vector<std::string>{"remove " + first, "remove " + first, "remove " + second});
}

TEST_CASE_METHOD(Scene, "what the cloud says is done, and is not, is tried until we are stopped",
                 "[reap]") {
  const auto over = open("one", -2h);
  auto& group = cloud.groups.begin()->second;
  const auto stubborn = group.rules;
  cloud.on_call = [&](const std::string& call) {
    if (call == "read_group") group.rules = stubborn;
    if (std::ranges::count(cloud.writes, "remove " + over) == 5) reaper->stop("enough");
  };
  const auto report = run();
  CHECK(outcomes(report).at(over) == ReapOutcome::left);
  CHECK(std::ranges::count(cloud.writes, "remove " + over) == 5);
  CHECK(exit_code_of(report) == exit_code::left);
}

TEST_CASE_METHOD(Scene, "stopped, nothing new begins, and what was tried is still proven",
                 "[reap]") {
  const auto first = open("one", -2h, "first");
  const auto second = open("one", -2h, "second");
  cloud.on_call = [&](const std::string& call) {
    if (call == "remove " + first) reaper->stop("stopped by a signal before the end");
  };
  const auto report = run();
  CHECK(cloud.writes == std::vector<std::string>{"remove " + first});
  CHECK(outcomes(report) == std::map<std::string, ReapOutcome>{{first, ReapOutcome::removed},
                                                               {second, ReapOutcome::left}});
  CHECK(exit_code_of(report) == exit_code::left);
  CHECK(report.problems == std::vector<std::string>{"stopped by a signal before the end"});
}

TEST_CASE_METHOD(Scene, "a group that cannot be read any more is no closed group", "[reap]") {
  const auto over = open("one", -2h);
  cloud.fail_always["read_group"] = {.kind = Error::Kind::not_found, .message = "gone"};
  const auto report = run();
  CHECK(cloud.writes.empty());
  CHECK(outcomes(report).at(over) == ReapOutcome::left);
  CHECK(exit_code_of(report) == exit_code::left);
}

TEST_CASE_METHOD(Scene, "a list that shows nothing proves nothing", "[reap]") {
  SECTION("no group at all") {}
  SECTION("none in the resource group that was asked for") {
    open("one", 1h);
    order.resource_groups = {"tpyo"};
  }
  const auto report = run();
  CHECK(exit_code_of(report) == exit_code::unknown);
  CHECK(report.problems.size() == 1);
  CHECK(summary_of(report).find("NOT SURE") != std::string::npos);
}

TEST_CASE_METHOD(Scene, "groups that never end keep nobody else waiting", "[reap]") {
  for (int i = 0; i < 40; ++i) {
    const auto stuck = open("a-stuck-" + std::to_string(i), -2h, "stuck" + std::to_string(i));
    cloud.fail_always["remove " + stuck] = {.kind = Error::Kind::unavailable, .message = "no"};
  }
  const auto over = open("z-healthy", -2h);
  const auto deadline = clock.boot_now() + 10min;
  cloud.on_call = [&](const std::string&) {
    if (clock.boot_now() >= deadline) reaper->stop("late");
  };
  const auto began = clock.now();
  std::optional<TimePoint> closed;
  cloud.on_call = [&, before = cloud.on_call](const std::string& call) {
    before(call);
    if (call == "remove " + over) closed = clock.now();
  };
  const auto report = run();
  REQUIRE(closed);
  CHECK(*closed - began < 10s);
  CHECK(outcomes(report).at(over) == ReapOutcome::removed);
  CHECK(exit_code_of(report) == exit_code::left);
}

TEST_CASE_METHOD(Scene, "a resource group that cannot be listed keeps no other waiting", "[reap]") {
  const auto over = open("one", -2h);
  order.resource_groups = {"a-sick", "net"};
  cloud.fail_always["list_groups a-sick"] = {.kind = Error::Kind::malformed, .message = "<html>"};
  cloud.on_call = [&](const std::string& call) {
    if (call == "remove " + over) reaper->stop("seen enough");
  };
  const auto report = run();
  CHECK(outcomes(report).at(over) == ReapOutcome::removed);
  CHECK(report.problems.size() >= 2);  // stopped, and what could not be listed
  CHECK(exit_code_of(report) == exit_code::unknown);
}

TEST_CASE_METHOD(Scene, "rights on the groups are enough, none on the subscription are needed",
                 "[reap]") {
  const auto over = open("one", -2h);
  cloud.fail_always["check"] = {.kind = Error::Kind::forbidden, .message = "no"};
  const auto report = run();
  CHECK(outcomes(report).at(over) == ReapOutcome::removed);
  CHECK(exit_code_of(report) == exit_code::ok);
}

TEST_CASE_METHOD(Scene, "a credential that is refused has a code of its own", "[reap]") {
  const auto* call = GENERATE("check", "list_groups");  // the first is asked if nothing is listed
  const auto kind = GENERATE(Error::Kind::unauthorized, Error::Kind::forbidden);
  cloud.fail_always[call] = {.kind = kind, .message = "AADSTS7000215"};
  const auto report = run();
  CHECK(exit_code_of(report) == exit_code::refused);
  CHECK(summary_of(report).find("AADSTS7000215") != std::string::npos);
  CHECK(cloud.writes.empty());
}

TEST_CASE_METHOD(Scene, "a rule whose end nobody can read is a question, not an answer", "[reap]") {
  const auto edited = open("one", -2h);
  cloud.groups.begin()->second.rules.front().description = "mine";
  const auto report = run();
  CHECK(cloud.writes.empty());
  CHECK(outcomes(report).at(edited) == ReapOutcome::unreadable);
  CHECK(exit_code_of(report) == exit_code::unknown);
}

TEST_CASE_METHOD(Scene, "a dead instance is cleared wholly, closings first", "[reap]") {
  order.rules = {.instance = instance, .unexpired = true, .locks = true};
  const auto keep = add("one", RuleKind::keep, std::nullopt);
  const auto lock = add("one", RuleKind::lock, std::nullopt);
  const auto shut = add("one", RuleKind::shut, 1h);
  const auto live = open("one", 1h);
  const auto report = run();
  CHECK(cloud.writes == std::vector<std::string>{"remove " + live, "remove " + shut,
                                                 "remove " + lock, "remove " + keep});
  CHECK(cloud.groups.begin()->second.rules.empty());
  CHECK(exit_code_of(report) == exit_code::ok);
}

TEST_CASE_METHOD(Scene, "locks stay while an open rule lets somebody in", "[reap]") {
  order.rules = {.instance = instance, .unexpired = true, .locks = true};
  const auto lock = add("one", RuleKind::lock, std::nullopt);
  const auto live = open("one", 1h);
  cloud.fail_always["remove " + live] = {.kind = Error::Kind::forbidden, .message = "no"};
  cloud.fail_always["put " + live] = {.kind = Error::Kind::forbidden, .message = "no"};
  const auto report = run();
  CHECK(outcomes(report) ==
        std::map<std::string, ReapOutcome>{{live, ReapOutcome::left}, {lock, ReapOutcome::left}});
  CHECK(std::ranges::count(cloud.writes, "remove " + lock) == 0);
}

TEST_CASE_METHOD(Scene, "the report as JSON says what the lines say", "[reap]") {
  const auto over = open("one", -2h);
  const auto document = to_json(run());
  CHECK(document["exitCode"] == 0);
  CHECK(document["counts"]["removed"] == 1);
  CHECK(document["securityGroupsRead"] == 1);
  REQUIRE(document["rules"].size() == 1);
  CHECK(document["rules"][0]["rule"] == over);
  CHECK(document["rules"][0]["outcome"] == "removed");
  CHECK(document["rules"][0]["securityGroup"] == net + "one");
  CHECK(document["rules"][0]["until"] == format_rfc3339(clock.now() - 2h));
}

}  // namespace
}  // namespace portcullis::app
