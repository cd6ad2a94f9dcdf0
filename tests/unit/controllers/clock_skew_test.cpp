#include "controllers/account_reconciler.hpp"
#include "controllers/clock_watch.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// Clocks that a test sets: this machine's, the API server's and the account's cloud's, by the
/// world's own; and that of a cloud that other accounts have.
struct Clocks : RequestScene {
  Duration node{0};
  Duration cluster{0};
  Duration cloud_ahead{0};
  Duration other_cloud{0};
  AccountReconciler accounts{world, client, events};

  Clocks() {
    world.clocks.read = [this](const model::CloudAccount& of) {
      const Duration ahead = of.meta.name == "prod" ? cloud_ahead : other_cloud;
      return std::vector<plan::ClockReading>{
          {.whose = "node", .owner = "the node's admin", .says = clock.now() + node},
          {.whose = "API server", .owner = "the cluster's admin", .says = clock.now() + cluster},
          {.whose = "cloud", .owner = "the cloud's admin", .says = clock.now() + ahead}};
    };
  }

  /// A second account, of a cloud of its own, that nobody uses.
  void add_account() {
    json other = held(account());
    other["metadata"]["name"] = "other";
    other["metadata"]["uid"] = "other";
    other["spec"]["azure"]["subscriptionID"] = "22222222-1111-4111-8111-111111111111";
    api.objects["cloudaccounts/other"] = other;
    api.deliver(world);
  }

  void account_pass() {
    api.deliver(world);
    REQUIRE(test::run(io, clock, accounts.reconcile("prod")));
  }
  json account_condition() {
    for (const json& one : api.objects.at("cloudaccounts/prod")["status"]["conditions"]) {
      if (one["type"] == "ClockSkewed") return one;
    }
    return {};
  }
  bool says(const std::string& words) {
    INFO(message());
    return message().find(words) != std::string::npos;
  }
};

TEST_CASE_METHOD(Clocks, "an account tells of clocks that are more than five seconds apart",
                 "[controllers][time]") {
  account_pass();
  CHECK(account_condition()["status"] == "False");
  CHECK(account_condition()["reason"] == "ClocksAgree");
  node = -6s;
  account_pass();
  CHECK(account_condition()["status"] == "True");
  CHECK(account_condition()["reason"] == "ClockSkew");
  const std::string told = account_condition()["message"];
  INFO(told);
  CHECK(told.find("6s apart") != std::string::npos);
  CHECK(told.find("node says " + format_rfc3339(clock.now() - 6s)) != std::string::npos);
  CHECK(told.find(format_rfc3339(clock.now()) + "; the node's admin") != std::string::npos);
  api.writes.clear();
  for (int i = 0; i < 3; ++i) {
    clock.advance(1min);
    account_pass();
  }
  CHECK(api.writes.empty());
  node = 0s;
  account_pass();
  CHECK(account_condition()["status"] == "False");
}

TEST_CASE_METHOD(Clocks, "five to thirty seconds hold up nobody", "[controllers][time]") {
  const bool is_node = GENERATE(true, false);
  (is_node ? node : cloud_ahead) = GENERATE(as<Duration>{}, -30s, -6s, 30s);
  open();
}

TEST_CASE_METHOD(Clocks, "over thirty seconds apart nothing is granted, and the request says why",
                 "[controllers][time]") {
  const bool is_node = GENERATE(true, false);
  (is_node ? node : cloud_ahead) = GENERATE(as<Duration>{}, -31s, 5min);
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK_FALSE(is_decided());
  CHECK(state() == "Pending");
  CHECK(condition("Ready")["reason"] == "ClockSkew");
  CHECK(condition("Approved")["status"] == "Unknown");
  CHECK(says("apart"));
  CHECK(says(is_node ? "the node's admin" : "the cloud's admin"));
  CHECK(says(format_rfc3339(clock.now())));
  check_nothing_opens();
  api.writes.clear();
  for (int i = 0; i < 3; ++i) {
    clock.advance(30s);
    REQUIRE(pass());
  }
  CHECK(api.writes.empty());
  node = cloud_ahead = 0s;
  open();
}

TEST_CASE_METHOD(Clocks, "clocks that part while the authorizer is asked stop the grant",
                 "[controllers][time]") {
  server.serve = [this](const net::Request& asked) {
    if (asked.target.find("subjectaccessreviews") != std::string::npos) node = 1h;
    return api.serve(asked);
  };
  CHECK_FALSE(pass());
  CHECK(node == 1h);
  CHECK_FALSE(is_decided());
}

TEST_CASE_METHOD(Clocks, "a refusal needs no right clock", "[controllers][time]") {
  node = 1h;
  api.edit("accessrequests/ssh", {{"spec", {{"duration", "2h"}}}});
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK(state() == "Denied");
}

TEST_CASE_METHOD(Clocks, "a grant that is not open yet waits for the clocks, and says so",
                 "[controllers][time]") {
  REQUIRE(pass());
  REQUIRE(pass());
  REQUIRE(is_decided());
  SECTION("seen by the plan") {
    node = 31s;
    REQUIRE(group_pass());
  }
  SECTION("seen right before the rule is written") {
    server.serve = [this](const net::Request& asked) {
      if (asked.target.find("/accessverdicts/") != std::string::npos) node = 31s;
      return api.serve(asked);
    };
    group_pass();
  }
  CHECK_FALSE(is_open());
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  CHECK(state() == "Opening");
  CHECK(condition("Ready")["reason"] == "ClockSkew");
  CHECK(says("31s apart"));
  server.serve = [this](const net::Request& asked) { return api.serve(asked); };
  node = 0s;
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(state() == "Active");
}

TEST_CASE_METHOD(Clocks, "what is open stays open while clocks disagree, and closes at its end",
                 "[controllers][time]") {
  open();
  node = GENERATE(as<Duration>{}, -1h, 1h);
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(state() == "Active");
  CHECK(is_open());
  clock.advance(10min);
  REQUIRE(pass());
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  CHECK(state() == "Expired");
}

TEST_CASE_METHOD(Clocks, "a rule that somebody removed does not come back while clocks disagree",
                 "[controllers][time]") {
  open();
  cloud_ahead = 1min;
  std::erase_if(cloud.groups.at(key).rules,
                [](const auto& rule) { return rule.name.find("-open-") != std::string::npos; });
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  cloud_ahead = 0s;
  REQUIRE(group_pass());
  CHECK(is_open());
}

TEST_CASE_METHOD(Clocks, "another cloud's clock stops no account but its own",
                 "[controllers][time]") {
  add_account();
  other_cloud = GENERATE(as<Duration>{}, -1h, 31s, 1h);
  account_pass();
  CHECK(account_condition()["status"] == "False");
  open();
  CHECK(describe_clocks(world, *world.stores.accounts.find("other")).status == model::Truth::yes);
  CHECK(world.clocks.last_of(*world.stores.accounts.find("other")).stops_openings);
}

TEST_CASE_METHOD(Clocks, "the API server's and the node's clocks stop all accounts",
                 "[controllers][time]") {
  add_account();
  const bool is_node = GENERATE(true, false);
  (is_node ? node : cluster) = GENERATE(as<Duration>{}, -31s, 1h);
  for (const char* name : {"prod", "other"}) {
    CHECK(world.clocks.look(*world.stores.accounts.find(name)).stops_openings);
  }
}

TEST_CASE_METHOD(Clocks, "when clocks part or meet, whoever says so or waits for it is woken",
                 "[controllers][time]") {
  ClockWatch watch(world);
  asio::co_spawn(io, watch.run(), asio::detached);
  clock.run_for(io, 10s);
  const auto drain = [this](runtime::Workqueue& queue) {
    std::vector<std::string> keys;
    while (queue.ready() > 0) {
      keys.push_back(*test::run(io, clock, queue.take()));
      queue.done(keys.back());
    }
    return keys;
  };
  for (auto* queue : {&world.account_queue, &world.request_queue, &world.group_queue}) {
    drain(*queue);
  }
  SECTION("a little: the account alone") {
    node = 6s;
    clock.run_for(io, 2s);
    CHECK(drain(world.account_queue) == std::vector<std::string>{"prod"});
    CHECK(world.request_queue.ready() == 0);
  }
  SECTION("another cloud's: its account alone") {
    add_account();
    clock.run_for(io, 2s);
    drain(world.account_queue);
    other_cloud = 31s;
    clock.run_for(io, 2s);
    CHECK(drain(world.account_queue) == std::vector<std::string>{"other"});
    CHECK(world.request_queue.ready() == 0);
    CHECK(world.group_queue.ready() == 0);
  }
  SECTION("far: requests and groups as well, and again when they meet") {
    for (const Duration off : {31s, 0s}) {
      node = off;
      clock.run_for(io, 2s);
      CHECK(drain(world.account_queue) == std::vector<std::string>{"prod"});
      CHECK(drain(world.request_queue) == std::vector<std::string>{"team-a/ssh"});
      CHECK(drain(world.group_queue) == std::vector<std::string>{key});
    }
  }
  watch.stop();
  test::settle(io);
}

}  // namespace
}  // namespace portcullis::controllers
