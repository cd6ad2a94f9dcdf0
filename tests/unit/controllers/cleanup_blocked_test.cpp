#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// A grant whose rule the cloud does not let go.
struct Blocked : RequestScene {
  const Error locked{.kind = Error::Kind::locked,
                     .message = "DELETE securityRules/x: 409 ScopeLocked: locked: '/rg/net'",
                     .code = "ScopeLocked"};

  void refuse_deletes(const Error& why) {
    cloud.on_call = [this, why](const std::string& call) {
      if (call.starts_with("remove ")) cloud.fail_once[call] = why;
    };
  }

  void end() {
    api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
    REQUIRE(pass());
    REQUIRE(group_pass());
    REQUIRE(pass());
    REQUIRE(state() == "Revoked");
    api.deliver(world);
  }

  /// Passes of whoever is woken, as the queues would make them.
  void run_for(Duration time) {
    const TimePoint until = clock.now() + time;
    while (clock.now() < until) {
      const auto next = group_pass();
      REQUIRE(next);
      if (world.request_queue.ready() != 0) REQUIRE(pass());
      clock.advance(std::max<Duration>(*next->at - clock.now(), 20ms));
    }
  }

  std::string told() { return condition("CleanupBlocked").value("message", ""); }
};

TEST_CASE_METHOD(Blocked, "what closes without a trace says nothing of rules that are left",
                 "[controllers]") {
  open();
  end();
  CHECK(condition("CleanupBlocked").is_null());
}

TEST_CASE_METHOD(Blocked, "a rule that may not be deleted is told to its request",
                 "[controllers]") {
  open();
  refuse_deletes(locked);
  end();
  // At once, and without another try to delete it.
  CHECK(std::ranges::count_if(cloud.writes,
                              [](const auto& write) { return write.starts_with("remove "); }) == 1);
  CHECK(condition("CleanupBlocked")["status"] == "True");
  CHECK(condition("CleanupBlocked")["reason"] == "ScopeLocked");
  CHECK(told().find("/rg/net") != std::string::npos);
  CHECK(told().find("whoever set the management lock has to remove it") != std::string::npos);
  CHECK(told().find("nsg-web") != std::string::npos);
  CHECK(condition("Complete")["status"] == "True");

  SECTION("it stays told as long as the rule is there, in the same words") {
    api.writes.clear();
    run_for(10min);
    CHECK(api.writes.empty());
    CHECK(condition("CleanupBlocked")["status"] == "True");
  }
  SECTION("a cloud that is busy meanwhile changes no word of it") {
    refuse_deletes({.kind = Error::Kind::throttled, .message = "429", .retry_after = 5s});
    api.writes.clear();
    run_for(2min);
    CHECK(api.writes.empty());
    CHECK(condition("CleanupBlocked")["reason"] == "ScopeLocked");
  }
  SECTION("it is over when the rule went") {
    cloud.on_call = nullptr;
    run_for(20s);
    CHECK(kinds() == Kinds{"lock", "foreign"});
    CHECK(condition("CleanupBlocked")["status"] == "False");
    CHECK(condition("CleanupBlocked")["reason"] == "Removed");
    CHECK(state() == "Revoked");
  }
  SECTION("a new process goes on with that") {
    restart();
    world.machines[model::resource_key(vm)] = {.machine = cloud.machines[model::resource_key(vm)],
                                               .read_at = clock.now()};
    REQUIRE(pass());
    CHECK(condition("CleanupBlocked")["status"] == "True");
    SECTION("while it is refused") {
      REQUIRE(group_pass());
      REQUIRE(pass());
      CHECK(condition("CleanupBlocked")["status"] == "True");
      CHECK(condition("CleanupBlocked")["reason"] == "ScopeLocked");
    }
    SECTION("and sees that it went") {
      cloud.on_call = nullptr;
      run_for(20s);
      CHECK(kinds() == Kinds{"lock", "foreign"});
      CHECK(condition("CleanupBlocked")["status"] == "False");
    }
    CHECK(state() == "Revoked");
  }
}

TEST_CASE_METHOD(Blocked, "who must act is told by what the cloud refuses", "[controllers]") {
  open();
  SECTION("a policy") {
    refuse_deletes({.kind = Error::Kind::locked,
                    .message = "403 RequestDisallowedByPolicy: no deletes",
                    .code = "RequestDisallowedByPolicy"});
    end();
    CHECK(condition("CleanupBlocked")["reason"] == "DeniedByPolicy");
    CHECK(told().find("whoever assigned the Azure Policy") != std::string::npos);
  }
  SECTION("a role") {
    refuse_deletes({.kind = Error::Kind::forbidden,
                    .message = "403 AuthorizationFailed: securityRules/delete",
                    .code = "AuthorizationFailed"});
    end();
    CHECK(condition("CleanupBlocked")["reason"] == "NotPermitted");
    CHECK(told().find("securityRules/delete") != std::string::npos);
    CHECK(told().find("whoever administers the subscription") != std::string::npos);
  }
}

TEST_CASE_METHOD(Blocked, "a rule that can be neither deleted nor made inert stays to be closed",
                 "[controllers]") {
  open();
  cloud.on_call = [this](const std::string& call) {
    if (call.starts_with("remove ") || call.starts_with("put ")) cloud.fail_once[call] = locked;
  };
  api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
  REQUIRE(pass());
  REQUIRE(group_pass());
  clock.advance(31s);
  REQUIRE(pass());
  CHECK(state() == "Closing");
  CHECK(condition("Overdue")["status"] == "True");
  CHECK(message().find("/rg/net") != std::string::npos);
  CHECK(message().find("whoever set the management lock has to remove it") != std::string::npos);
  CHECK(condition("CleanupBlocked").is_null());
}

TEST_CASE_METHOD(Blocked, "a lock that may not be deleted is put out of force when the policy goes",
                 "[controllers]") {
  refuse_deletes(locked);
  api.remove("jitpolicies/prod-ssh");
  REQUIRE(policy_pass());
  REQUIRE(group_pass());
  REQUIRE(policy_pass());
  CHECK_FALSE(api.objects.contains("jitpolicies/prod-ssh"));
  CHECK(plan::is_inert(cloud.groups[key].rules.front()));
  const auto problem = std::ranges::find(world.groups[key].plan.problems,
                                         plan::ProblemKind::cleanup_blocked, &plan::Problem::kind);
  REQUIRE(problem != world.groups[key].plan.problems.end());
  CHECK(problem->message.find("whoever set the management lock") != std::string::npos);
  cloud.on_call = nullptr;
  run_for(20s);
  CHECK(kinds() == Kinds{"foreign"});
}

}  // namespace
}  // namespace portcullis::controllers
