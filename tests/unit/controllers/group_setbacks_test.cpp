#include "controllers/group_attempts.hpp"
#include "controllers/target_judge.hpp"
#include "plan/rule_shape.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

const Error refused{.kind = Error::Kind::invalid, .message = "400 no such service tag"};

/// One rule that the cloud does not take, and all that goes on beside it.
struct Setback : RequestScene {
  GroupView& view() { return world.groups.at(key); }

  /// From now on the writes of rules of this kind meet this.
  void refuse(const std::string& what, const Error& error) {
    cloud.on_call = [this, what, error](const std::string& call) {
      if (call.find(what) != std::string::npos) cloud.fail_once[call] = error;
    };
  }

  std::ptrdiff_t tried(const std::string& what) const {
    return std::ranges::count_if(cloud.writes, [&](const std::string& write) {
      return write.find(what) != std::string::npos;
    });
  }

  /// Passes as the queue would make them.
  void run_for(Duration time) {
    const TimePoint until = clock.now() + time;
    while (clock.now() < until) {
      const auto next = group_pass();
      REQUIRE(next);
      clock.advance(std::max<Duration>(*next->at - clock.now(), 20ms));
    }
  }

  /// A second policy of the same machine, with another port and an exception.
  void add_policy_with_exception() {
    json other = held(policy());
    other["metadata"]["name"] = "rdp";
    other["metadata"]["uid"] = "rdp";
    other["spec"]["ports"] = {
        {{"port", 3389},
         {"protocol", "TCP"},
         {"maxDuration", "1h"},
         {"exceptions", {{{"serviceTag", "NoSuchTag"}, {"reason", "probes"}}}}}};
    api.objects["jitpolicies/rdp"] = other;
    api.deliver(world);
    world.policy_views["team-a/rdp"] = world.policy_views["team-a/prod-ssh"];
    world.policy_views["team-a/rdp"].uid = "rdp";
  }

  plan::TargetState judged(const std::string& name) {
    const auto policy = world.stores.policies.find("team-a/" + name);
    plan::TargetState target = world.policy_views.at("team-a/" + name).targets.front();
    judge_target(world, *world.stores.accounts.find("prod"), *policy, target);
    return target;
  }

  /// An open rule that somebody altered: it is to be closed.
  void add_altered(int priority) {
    model::SecurityRule rule = cloud.groups[key].rules.front();
    rule.name = plan::rule_name(world.instance, plan::RuleKind::open, std::to_string(priority));
    rule.priority = priority;
    cloud.groups[key].rules.push_back(rule);
  }
};

TEST_CASE_METHOD(Setback, "a rule that the cloud refuses stops nobody else's", "[controllers]") {
  REQUIRE(pass());
  REQUIRE(pass());
  cloud.groups[key].rules.erase(cloud.groups[key].rules.begin());  // the lock, by hand
  add_policy_with_exception();
  refuse("-keep-", refused);
  REQUIRE(group_pass());
  // Its own lock waits for its exception.
  CHECK(kinds() == Kinds{"open", "lock", "foreign"});
  CHECK_FALSE(view().error);

  CHECK(judged("prod-ssh").state == plan::TargetState::State::locked);
  CHECK(judged("rdp").state == plan::TargetState::State::locking);
  CHECK(judged("rdp").message.find(refused.message) != std::string::npos);
  REQUIRE(pass());
  CHECK(state() == "Active");

  SECTION("and is not written without pause, whoever else wakes the group") {
    cloud.writes.clear();
    run_for(1min);
    CHECK(tried("-keep-") >= 3);
    for (int i = 0; i < 60; ++i) {
      REQUIRE(group_pass());
      clock.advance(1s);
    }
    CHECK(tried("-keep-") <= 12);
  }
  SECTION("and is written when the cloud takes it") {
    cloud.on_call = nullptr;
    run_for(1min);
    CHECK(kinds() == Kinds{"open", "keep", "lock", "lock", "foreign"});
    CHECK(judged("rdp").state == plan::TargetState::State::locked);
  }
}

TEST_CASE_METHOD(Setback, "an opening that the cloud refuses is told to its request",
                 "[controllers]") {
  REQUIRE(pass());
  refuse("-open-", refused);
  REQUIRE(pass());
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(state() == "Opening");
  CHECK(condition("Ready")["reason"] == "CloudError");
  CHECK(message().find(refused.message) != std::string::npos);
  CHECK(judged("prod-ssh").state == plan::TargetState::State::locked);
}

TEST_CASE_METHOD(Setback, "a closing that the cloud refuses is told to its request, and goes on",
                 "[controllers]") {
  open();
  refuse("remove ", refused);
  clock.advance(10min);
  REQUIRE(group_pass());
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK(state() == "Closing");
  CHECK(message().find(refused.message) != std::string::npos);
  CHECK(judged("prod-ssh").state == plan::TargetState::State::locking);
  cloud.writes.clear();
  run_for(5min);
  CHECK(tried("remove ") >= 10);
  cloud.on_call = nullptr;
  run_for(1min);
  CHECK_FALSE(is_open());
}

TEST_CASE_METHOD(Setback, "a closing that fails a hundred times goes on, never a minute apart",
                 "[controllers]") {
  open();
  std::vector<TimePoint> tries;
  cloud.on_call = [&](const std::string& call) {
    if (call.find("remove ") == std::string::npos) return;
    tries.push_back(clock.now());
    cloud.fail_once[call] = refused;
  };
  clock.advance(10min);
  const TimePoint began = clock.now();
  while (tries.size() < 100) {
    run_for(1min);
    REQUIRE(clock.now() - began < 2h);
  }
  for (std::size_t i = 1; i < tries.size(); ++i) CHECK(tries[i] - tries[i - 1] <= 60s);
  REQUIRE(pass());
  CHECK(state() == "Closing");
  CHECK(condition("Overdue")["status"] == "True");
  cloud.on_call = nullptr;
  run_for(1min);
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  CHECK(state() == "Expired");
}

TEST_CASE_METHOD(Setback, "when the cloud does not answer, only closings are tried",
                 "[controllers]") {
  open();
  cloud.groups[key].rules.erase(cloud.groups[key].rules.begin() + 1);  // the lock, by hand
  add_altered(131);
  clock.advance(10min);
  cloud.writes.clear();
  SECTION("it cannot be reached") {
    refuse("remove ", {.kind = Error::Kind::unavailable, .message = "no answer"});
    CHECK_FALSE(group_pass());
    CHECK(tried("remove ") == 2);
    CHECK(tried("put ") == 0);
    CHECK(view().error);
  }
  SECTION("it says when to come back: nothing at all is, until then") {
    refuse("remove ",
           {.kind = Error::Kind::throttled, .message = "429", .retry_after = Duration(20s)});
    const auto outcome = group_pass();
    REQUIRE_FALSE(outcome);
    CHECK((outcome.error().retry_after == Duration(20s)));
    CHECK(cloud.writes.size() == 1);
  }
}

TEST_CASE_METHOD(Setback, "what lets nobody in and cannot be removed keeps nobody from anything",
                 "[controllers]") {
  open();
  refuse("remove ", {.kind = Error::Kind::locked, .message = "ScopeLocked by CanNotDelete"});
  clock.advance(10min);
  REQUIRE(group_pass());
  CHECK_FALSE(view().error);
  CHECK(view().plan.in_sync());
  CHECK(judged("prod-ssh").state == plan::TargetState::State::locked);
  const auto problem = std::ranges::find(view().plan.problems, plan::ProblemKind::cleanup_blocked,
                                         &plan::Problem::kind);
  REQUIRE(problem != view().plan.problems.end());
  CHECK(problem->message.find("ScopeLocked") != std::string::npos);
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK(state() == "Expired");

  cloud.writes.clear();
  run_for(80s);
  CHECK(tried("remove ") == 4);  // after 5, 10, 20 and 40 s
  cloud.writes.clear();
  run_for(10min);
  CHECK(tried("remove ") >= 9);
  CHECK(tried("remove ") <= 11);
  cloud.on_call = nullptr;
  run_for(2min);
  CHECK(kinds() == Kinds{"lock", "foreign"});
  CHECK(view().plan.problems.empty());
}

TEST_CASE_METHOD(Setback, "what is said to be done and does not show is written ever more rarely",
                 "[controllers]") {
  SECTION("a lock") {
    auto without = cloud.groups[key];
    without.rules.erase(without.rules.begin());
    cloud.on_call = [this, without](const std::string& call) {
      if (call == "read_group") cloud.groups[key] = without;
    };
    run_for(1min);
    CHECK(tried("put ") <= 12);
    cloud.writes.clear();
    run_for(10min);
    CHECK(tried("put ") >= 8);
    CHECK(tried("put ") <= 12);
  }
  SECTION("a closing, but not as rarely") {
    open();
    const auto with = cloud.groups[key];
    cloud.on_call = [this, with](const std::string& call) {
      if (call == "read_group") cloud.groups[key] = with;
    };
    clock.advance(10min);
    run_for(1min);
    cloud.writes.clear();
    run_for(10min);
    CHECK(tried("remove ") >= 110);
    CHECK(tried("remove ") <= 121);
  }
}

TEST_CASE_METHOD(Setback, "who joins a rule does not wait for a neighbour's last seconds",
                 "[controllers]") {
  const TimePoint minute = std::chrono::ceil<std::chrono::minutes>(clock.now()) + 11min;
  const auto grant_until = [&](const std::string& uid, const char* source, TimePoint end) {
    json object = held(verdict());
    object["metadata"]["name"] = uid;
    object["metadata"]["uid"] = uid;
    object["metadata"]["creationTimestamp"] = format_rfc3339(end - 10min);
    object["spec"]["requestRef"] = {{"name", uid}, {"uid", uid}};
    object["spec"]["sources"] = {source};
    json about = held(request());
    about["metadata"]["name"] = uid;
    about["metadata"]["uid"] = uid;
    api.objects["accessverdicts/" + uid] = object;
    api.objects["accessrequests/" + uid] = about;
    api.deliver(world);
  };
  clock.advance(minute - 30s - 10min - clock.now());
  grant_until("a", "203.0.113.7/32", minute - 30s);
  REQUIRE(group_pass());
  REQUIRE(is_open());
  clock.advance(minute - 45s - clock.now());
  world.machines[model::resource_key(vm)].read_at = clock.now();  // as every minute
  grant_until("b", "203.0.113.9/32", minute);
  REQUIRE(group_pass());
  const auto sources = model::PrefixSet::of(cloud.groups[key].rules.front().source.prefixes);
  CHECK(sources.contains(model::PrefixSet::of(prefix("203.0.113.7"))));
  CHECK(sources.contains(model::PrefixSet::of(prefix("203.0.113.9"))));
}

TEST_CASE_METHOD(Setback, "what is open is proven by what was read of late", "[controllers]") {
  open();
  clock.advance(reading_counts_for);
  REQUIRE(pass());
  CHECK(state() == "Active");
  cloud.fail_always["read_group"] = {.kind = Error::Kind::unavailable, .message = "no answer"};
  clock.advance(1s);
  CHECK_FALSE(group_pass());
  REQUIRE(pass());
  CHECK(condition("Ready")["status"] == "False");
  CHECK(message().find("has not been read since") != std::string::npos);
  CHECK(message().find("no answer") != std::string::npos);
}

}  // namespace
}  // namespace portcullis::controllers
