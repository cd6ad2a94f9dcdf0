#include <functional>

#include "controllers/account_reconciler.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// Grants whose end cannot be proven yet for what is none of their own groups' business.
struct Unproven : RequestScene {
  AccountReconciler accounts{world, client, events};

  void revoke() {
    api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
    REQUIRE(pass());
    REQUIRE(group_pass());
    REQUIRE(pass());
  }

  Result<runtime::Next> account_pass() {
    api.deliver(world);
    return test::run(io, clock, accounts.reconcile("prod"));
  }
};

TEST_CASE_METHOD(Unproven, "a grant without its account is overdue, and says what to do",
                 "[controllers]") {
  open();
  const json account = api.objects.at("cloudaccounts/prod");
  api.objects.erase("cloudaccounts/prod");
  const bool restarted = GENERATE(false, true);
  if (restarted) {
    world.remembered_accounts.clear();
    restart();
  }
  REQUIRE(account_pass());
  REQUIRE(pass());
  REQUIRE(pass());
  clock.advance(31s);
  REQUIRE(pass());
  CHECK(state() == "Closing");
  CHECK(condition("Overdue")["status"] == "True");
  CHECK(message().find("CloudAccount \"prod\" does not exist") != std::string::npos);
  CHECK(message().find("apply the account again, with subscription 11111111-") !=
        std::string::npos);

  SECTION("when the account comes back, it closes and is proven") {
    api.objects["cloudaccounts/prod"] = account;
    REQUIRE(account_pass());
    REQUIRE(pass());
    REQUIRE(group_pass());
    REQUIRE(pass());
    CHECK(state() == "Revoked");
    CHECK_FALSE(is_open());
    CHECK(condition("Overdue")["status"] == "False");
  }
  SECTION("one whose policy went, too, is named by its subscription") {
    world.remembered_accounts.clear();
    api.objects.erase("jitpolicies/prod-ssh");
    REQUIRE(pass());
    CHECK(message().find("no CloudAccount has subscription 11111111-") != std::string::npos);
  }
}

TEST_CASE_METHOD(Unproven, "who waits for a rule elsewhere learns soon that it was mended",
                 "[controllers]") {
  open();
  const std::string other = sub + "net/providers/Microsoft.Network/networkSecurityGroups/other";
  const std::string other_key = model::resource_key(other);
  cloud.groups[other_key] = {.id = other};
  model::SecurityRule rule = cloud.groups[key].rules.front();
  rule.description = "by hand";
  cloud.groups[other_key].rules = {rule};
  const auto read_other = [&] { return test::run(io, clock, groups.reconcile(other_key)); };
  world.mark_group(other, runtime::Workqueue::Urgency::normal);
  REQUIRE(read_other());
  revoke();
  REQUIRE(state() == "Closing");
  REQUIRE(message().find("its description was changed") != std::string::npos);

  // Its next reading is asked for within two seconds, not in a minute.
  while (world.group_queue.ready() != 0) {
    world.group_queue.done(*test::run(io, clock, world.group_queue.take()));
  }
  asio::io_context timers;
  asio::co_spawn(timers, world.group_queue.run_timers(), asio::detached);
  test::settle(timers);
  clock.advance(2s);
  test::settle(timers);
  CHECK(world.group_queue.ready() == 1);
  world.group_queue.stop();
  test::settle(timers);

  // And who waits is told of it.
  cloud.groups[other_key].rules.clear();
  drain(world.request_queue);
  REQUIRE(read_other());
  CHECK(world.request_queue.ready() == 1);
  REQUIRE(pass());
  CHECK(state() == "Revoked");
}

/// What keeps somebody from looking whether it is closed, and who mends it.
struct Hindrance {
  const char* what;
  const char* said;
  std::function<void(Unproven&)> come;
  std::function<void(Unproven&)> go;
};

const std::vector<Hindrance>& hindrances() {
  static const Error denied{.kind = Error::Kind::forbidden, .message = "403 AuthorizationFailed"};
  static const Error disabled{.kind = Error::Kind::forbidden,
                              .message = "403 SubscriptionNotFound"};
  static const std::vector<Hindrance> all = {
      {"its policy and its account went", "no CloudAccount has subscription 11111111-",
       [](Unproven& s) {
         s.api.objects.erase("cloudaccounts/prod");
         s.api.objects.erase("jitpolicies/prod-ssh");
         s.world.remembered_accounts.clear();
       },
       [](Unproven& s) { s.api.objects["cloudaccounts/prod"] = s.held(s.account()); }},
      {"its account cannot be understood",
       "CloudAccount \"prod\" is there and cannot be understood: spec.provider: must be Azure, so "
       "nobody can prove that it is closed: mend the account",
       [](Unproven& s) { s.api.edit("cloudaccounts/prod", {{"spec", {{"provider", "Other"}}}}); },
       [](Unproven& s) { s.api.edit("cloudaccounts/prod", {{"spec", {{"provider", "Azure"}}}}); }},
      {"its machine may not be read", "machine web-1 cannot be read: 403 AuthorizationFailed",
       [](Unproven& s) { s.cloud.fail_always["read_machine"] = denied; },
       [](Unproven& s) { s.cloud.fail_always.clear(); }},
      {"its subscription was deleted",
       "CloudAccount \"prod\" cannot be read: 403 SubscriptionNotFound",
       [](Unproven& s) { s.cloud.fail_always["check"] = disabled; },
       [](Unproven& s) { s.cloud.fail_always.clear(); }},
  };
  return all;
}

TEST_CASE("a record that has to go and cannot be proven closed again says what keeps it",
          "[controllers]") {
  for (const Hindrance& hindrance : hindrances()) {
    DYNAMIC_SECTION(hindrance.what) {
      Unproven scene;
      scene.open();
      scene.clock.advance(10min);
      REQUIRE(scene.group_pass());
      REQUIRE(scene.pass());
      REQUIRE(scene.state() == "Expired");
      scene.clock.advance(31s);
      hindrance.come(scene);
      scene.world.account_views.clear();
      scene.restart();
      (void)scene.account_pass();
      scene.api.remove("accessrequests/ssh");
      for (int i = 0; i < 3; ++i) {
        (void)scene.pass();
        (void)scene.group_pass();
      }
      INFO(scene.message());
      CHECK(scene.state() == "Closing");
      CHECK(scene.message().find(hindrance.said) != std::string::npos);
      CHECK(scene.condition("Overdue")["status"] == "True");
      CHECK(scene.condition("Complete")["status"] == "False");
      CHECK(scene.is_held());

      hindrance.go(scene);
      scene.clock.advance(1min);
      REQUIRE(scene.account_pass());
      for (int i = 0; i < 3 && scene.is_held(); ++i) {
        REQUIRE(scene.pass());
        REQUIRE(scene.group_pass());
      }
      CHECK_FALSE(scene.is_held());
    }
  }
}

TEST_CASE_METHOD(Unproven,
                 "a record that has to go keeps its word while it is only being looked at",
                 "[controllers]") {
  open();
  clock.advance(10min);
  REQUIRE(group_pass());
  REQUIRE(pass());
  REQUIRE(state() == "Expired");
  const json status = asked()["status"];
  restart();
  api.remove("accessrequests/ssh");
  SECTION("nobody has listed the groups") { world.account_views.clear(); }
  SECTION("its machine does not answer 200 for a moment") {
    cloud.fail_once["read_machine"] = {.kind = Error::Kind::not_found, .message = "404"};
  }
  SECTION("its group is about to be read") { REQUIRE(group_pass()); }
  REQUIRE(pass());
  CHECK(asked()["status"] == status);
  REQUIRE(account_pass());
  clock.advance(3s);
  for (int i = 0; i < 3 && is_held(); ++i) {
    REQUIRE(pass());
    REQUIRE(group_pass());
  }
  CHECK_FALSE(is_held());
}

}  // namespace
}  // namespace portcullis::controllers
