#include <catch2/catch.hpp>
#include <list>

#include "arm_client_world.hpp"
#include "azure_world.hpp"
#include "cloud/long_running.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using cloud::Work;
using Kind = Error::Kind;

namespace {

using Answer = Outcome<Result<net::Response>>;
using Answers = std::list<Answer>;

/// Calls of all kinds, begun and not waited for.
struct Order : ArmClientWorld {
  Answers answers;
  std::list<Outcome<Result<Done>>> outcomes;

  Order() {
    server.serve = [](const net::Request&) { return response(200, "{}"); };
  }

  Answer& begin(const std::string& method, const std::string& target, Work work,
                Duration deadline = 60s, std::string about = "") {
    answers.emplace_back();
    start(io,
          arm_client.call(net::Request{.method = method, .target = target}, deadline,
                          {.work = work, .about = std::move(about)}),
          answers.back());
    settle(io);
    return answers.back();
  }
  std::vector<std::string> sent(std::size_t from) const {
    std::vector<std::string> out;
    for (std::size_t i = from; i < server.sent.size(); ++i) {
      out.push_back(server.sent[i].request.target);
    }
    return out;
  }
  /// Calls of before: as many as leave a non-closing nothing, in the bucket or in the window.
  void spend_bucket() {
    for (int i = 0; i < 120; ++i) budgets.writes.tokens.take(clock.boot_now());
    for (int i = 0; i < 150; ++i) budgets.reads.tokens.take(clock.boot_now());
  }
  void spend_window() {
    for (int i = 0; i < 600; ++i) {
      budgets.writes.tokens.take(clock.boot_now());
      clock.advance(200ms);
    }
  }
  std::uint64_t held_back(bool writes, Work work) {
    return budgets.of(writes).held_back.at(static_cast<std::size_t>(work));
  }
};

}  // namespace

TEST_CASE("the most urgent work goes first, its reads before the writes of others") {
  Order f;
  f.server.latency = 1s;
  for (int i = 0; i < 8; ++i) f.begin("DELETE", "/busy", Work::closing);
  REQUIRE(f.server.sent.size() == 8);
  f.begin("GET", "/survey", Work::survey);
  f.begin("PUT", "/cleanup", Work::drift);
  f.begin("GET", "/opening/read", Work::opening);
  f.begin("PUT", "/opening", Work::opening);
  f.begin("PUT", "/lock", Work::lock);
  f.begin("GET", "/closing/read", Work::closing);
  f.begin("DELETE", "/closing", Work::closing);
  f.begin("GET", "/overdue/read", Work::overdue_closing);
  f.clock.run_for(f.io, 20s);
  CHECK(f.sent(8) == std::vector<std::string>{"/overdue/read", "/closing", "/closing/read", "/lock",
                                              "/opening", "/opening/read", "/cleanup", "/survey"});
}

TEST_CASE("the last free connection is for closings") {
  Order f;
  f.server.latency = 10s;
  for (int i = 0; i < 500; ++i) f.begin("PUT", "/opening", Work::opening);
  CHECK(f.server.sent.size() == 7);
  f.begin("GET", "/closing", Work::closing);
  CHECK(f.sent(7) == std::vector<std::string>{"/closing"});
}

TEST_CASE("what is asked about a group that has to close goes as a closing") {
  Order f;
  SECTION("though others stand before it for the connections that are left") {
    f.server.latency = 10s;
    for (int i = 0; i < 7; ++i) f.begin("PUT", "/busy", Work::opening);
  }
  SECTION("though the bucket is empty but for the closings' share") { f.spend_bucket(); }
  const std::size_t before = f.server.sent.size();
  for (int i = 0; i < 5; ++i) f.begin("PUT", "/other", Work::opening, 60s, "other");
  f.begin("GET", "/group", Work::drift, 60s, "group");
  f.arm_client.hurry("nothing that stands there");
  settle(f.io);
  REQUIRE(f.server.sent.size() == before);
  f.arm_client.hurry("group");
  f.arm_client.hurry("group");
  settle(f.io);
  CHECK(f.sent(before) == std::vector<std::string>{"/group"});
}

TEST_CASE("with the bucket empty but for its share a closing still goes, and nothing else") {
  Order f;
  f.spend_bucket();
  const Work work = GENERATE(Work::lock, Work::opening, Work::drift, Work::survey);
  for (int i = 0; i < 3; ++i) {
    f.begin("PUT", "/write", work);
    f.begin("GET", "/read", work);
  }
  CHECK(f.server.sent.empty());
  CHECK(f.held_back(true, work) == 3);
  CHECK(f.held_back(false, work) == 3);
  for (int i = 0; i < 80; ++i) f.begin("DELETE", "/closing", Work::closing);
  for (int i = 0; i < 100; ++i) f.begin("GET", "/proof", Work::closing);
  CHECK(f.server.sent.size() == 180);
  CHECK(f.held_back(true, Work::closing) == 0);
  Answer& waits = f.begin("DELETE", "/one more", Work::closing);
  CHECK_FALSE(waits.value);
  CHECK(f.held_back(true, Work::closing) == 1);
  f.clock.run_for(f.io, 100ms);
  CHECK(f.server.sent.back().request.target == "/one more");
  // What closings used up is theirs again before anybody else goes.
  f.clock.run_for(f.io, 7s);
  CHECK(std::ranges::none_of(f.server.sent,
                             [](const auto& sent) { return sent.request.target == "/write"; }));
  f.clock.run_for(f.io, 2s);
  CHECK(f.server.sent.back().request.target == "/write");
}

TEST_CASE("with the window full but for its share a closing still goes, and others fail at once") {
  Order f;
  f.spend_window();
  Answer& opening = f.begin("PUT", "/rules/a", Work::opening, 8s);
  REQUIRE(opening.value);
  CHECK(opening.value->error().kind == Kind::throttled);
  CHECK(opening.value->error().message ==
        "PUT rules/a: not sent, the subscription's budget of writes is used up but for closings");
  CHECK(opening.value->error().code == cloud::budget_used_up);
  // Told to wait, its group would wait with its closings, too.
  CHECK_FALSE(opening.value->error().retry_after);
  Answer& closing = f.begin("DELETE", "/rules/b", Work::closing, 8s);
  REQUIRE(closing.value);
  CHECK(*closing.value);
  CHECK(f.sent(0) == std::vector<std::string>{"/rules/b"});
  // Reads have no such window.
  CHECK(*f.begin("GET", "/x", Work::survey).value);
}

TEST_CASE("a closing that finds nothing left is told when to come again") {
  Order f;
  f.spend_window();
  for (int i = 0; i < 400; ++i) {
    f.budgets.writes.tokens.take(f.clock.boot_now());
    f.clock.advance(100ms);
  }
  Answer& closing = f.begin("DELETE", "/rules/b", Work::overdue_closing, 8s);
  REQUIRE(closing.value);
  CHECK(closing.value->error().kind == Kind::throttled);
  CHECK(closing.value->error().retry_after == 140s);
}

TEST_CASE("who waits for a write's token holds up no read, and no closing") {
  Order f;
  for (int i = 0; i < 120; ++i) f.budgets.writes.tokens.take(f.clock.boot_now());
  for (int i = 0; i < 500; ++i) f.begin("PUT", "/opening", Work::opening);
  f.begin("GET", "/survey", Work::survey);
  f.begin("DELETE", "/closing", Work::closing);
  CHECK(f.sent(0) == std::vector<std::string>{"/survey", "/closing"});
}

TEST_CASE("what fails for want of a token spends nothing of the budget") {
  Order f;
  f.credential.failure = Error{.kind = Kind::unauthorized, .message = "AADSTS7000215"};
  for (int i = 0; i < 300; ++i) f.begin("PUT", "/opening", Work::opening, 1ms);
  CHECK(f.budgets.writes.tokens.wait(Work::opening, f.clock.boot_now()) <= Duration(0));
  CHECK(f.credential.exchanges == 1);
}

namespace {

/// Answers, but not about what has "bad" in its name: there nothing ever comes.
class PartlyDeaf final : public net::Transport {
 public:
  PartlyDeaf(Clock& clock, std::vector<std::string>& sent) : clock_(clock), sent_(sent) {}

  Task<Result<net::Response>> send(net::Request request, Duration deadline) override {
    sent_.push_back(request.method + " " + request.target);
    if (request.target.find("bad") != std::string::npos) {
      co_await clock_.sleep_for(deadline);
      co_return fail(Kind::timeout, "the deadline passed");
    }
    co_return response(request.method == "DELETE" ? 204 : 200,
                       R"({"properties":{"provisioningState":"Succeeded"}})");
  }
  Task<Result<std::unique_ptr<net::BodyStream>>> stream(net::Request, Duration) override {
    co_return fail(Kind::unsupported, "no streams");
  }
  void close() override {}

 private:
  Clock& clock_;
  std::vector<std::string>& sent_;
};

/// The provider as a whole, its ARM partly deaf.
struct Groups : AzureFixture {
  std::vector<std::string> sent;
  cloud::Budgets budgets;
  std::list<Outcome<Result<Done>>> outcomes;

  Groups() { provider = connect(); }

  std::unique_ptr<cloud::AzureProvider> connect() {
    auto with = options();
    with.budgets = &budgets;
    const auto factory = [this](net::Origin origin, net::TlsOptions,
                                net::TransportOptions) -> Result<std::unique_ptr<net::Transport>> {
      if (net::to_string(origin) == arm) return std::make_unique<PartlyDeaf>(clock, sent);
      return std::make_unique<Forward>(login_server);
    };
    return cloud::make_azure_provider(
               clock, factory, with, [](std::string) -> Result<std::string> { return "assertion"; })
        .value();
  }
  Outcome<Result<Done>>& put(const std::string& group, Work work = Work::opening) {
    start(io, provider->put_rule(group_id(group), rule(), work), outcomes.emplace_back());
    settle(io);
    return outcomes.back();
  }
  Outcome<Result<Done>>& remove(const std::string& group, Work work = Work::closing) {
    start(io, provider->remove_rule(group_id(group), "portcullis-1-open-2", work),
          outcomes.emplace_back());
    settle(io);
    return outcomes.back();
  }
};

}  // namespace

TEST_CASE("groups that do not answer keep no other from closing, and not from opening for long") {
  Groups f;
  for (int i = 0; i < 20; ++i) f.put("bad-" + std::to_string(i));
  CHECK(f.sent.size() == 7);
  CHECK(f.remove("good").value.value());
  CHECK(f.sent.size() == 8);
  // Who merely waits for a connection lets go while there is time for another try.
  f.clock.run_for(f.io, 5s);
  const auto ended = [](const auto& outcome) { return outcome.value.has_value(); };
  CHECK(std::ranges::count_if(f.outcomes, ended) == 14);
  f.clock.run_for(f.io, 3s);
  CHECK(f.put("good").value.value());
}

TEST_CASE("groups that were not answered leave half of the connections to others when they close") {
  Groups f;
  const auto close_bad = [&] {
    for (int i = 0; i < 8; ++i) f.remove("bad-" + std::to_string(i));
  };
  close_bad();
  REQUIRE(f.sent.size() == 8);
  f.clock.run_for(f.io, 8s);
  SECTION("each time they are tried again") {
    close_bad();
    CHECK(f.sent.size() == 12);
    CHECK(f.remove("good").value.value());
    CHECK(f.put("good").value.value());
    CHECK(f.sent.size() == 14);
    // Openings that are not answered either leave one to closings.
    for (int i = 0; i < 8; ++i) f.put("bad-opening-" + std::to_string(i));
    CHECK(f.sent.size() == 17);
    CHECK(f.remove("good").value.value());
  }
  SECTION("until nobody remembers") {
    f.clock.run_for(f.io, 10min);
    close_bad();
    CHECK(f.sent.size() == 16);
  }
}

TEST_CASE("what was slow once and answers again has all connections again") {
  Order f;
  f.server.latency = 3s;
  for (int i = 0; i < 8; ++i) f.begin("PUT", "/a", Work::closing, 60s, "a");
  f.clock.run_for(f.io, 3s);
  f.server.latency = 2s;
  for (int i = 0; i < 8; ++i) f.begin("PUT", "/a", Work::closing, 60s, "a");
  CHECK(f.server.sent.size() == 12);
  f.clock.run_for(f.io, 4s);
  CHECK(f.server.sent.size() == 16);
  for (int i = 0; i < 8; ++i) f.begin("PUT", "/a", Work::closing, 60s, "a");
  CHECK(f.server.sent.size() == 24);
}

TEST_CASE("who waits for a token is not forgotten behind what is passed") {
  Order f;
  f.server.latency = 5s;
  for (int i = 0; i < 4; ++i) f.begin("DELETE", "/slow", Work::closing, 60s, "slow");
  f.clock.run_for(f.io, 5s);
  for (int i = 0; i < 5; ++i) f.begin("DELETE", "/slow", Work::closing, 60s, "slow");
  REQUIRE(f.server.sent.size() == 8);
  while (f.budgets.writes.tokens.wait(Work::opening, f.clock.boot_now()) <= Duration(0)) {
    f.budgets.writes.tokens.take(f.clock.boot_now());
  }
  f.begin("PUT", "/opening", Work::opening, 60s, "other");
  CHECK(f.server.sent.size() == 8);
  f.clock.run_for(f.io, 1s);
  CHECK(f.server.sent.size() == 9);
  CHECK(f.server.sent.back().request.target == "/opening");
}

TEST_CASE("a group's opening in the queue does not keep its own closing waiting") {
  Groups f;
  for (int i = 0; i < 7; ++i) f.put("bad-" + std::to_string(i));
  auto& opening = f.put("good");
  REQUIRE_FALSE(opening.value);
  const std::size_t before = f.sent.size();
  f.provider->hurry(group_id("GOOD"));
  settle(f.io);
  REQUIRE(opening.value);
  // What it opens may be what has to close: it is planned anew.
  REQUIRE_FALSE(*opening.value);
  CHECK(opening.value->error().kind == Kind::conflict);
  CHECK(f.sent.size() == before);
  auto& locking = f.put("good", Work::lock);
  REQUIRE_FALSE(locking.value);
  f.provider->hurry(group_id("good"));
  settle(f.io);
  REQUIRE(locking.value);
  CHECK(*locking.value);
}

TEST_CASE("a storm of openings on many groups does not delay a closing") {
  Groups f;
  for (int i = 0; i < 500; ++i) f.put("nsg-" + std::to_string(i));
  const std::size_t before = f.sent.size();
  CHECK(before == 120);  // two fifths of two hundred are kept
  CHECK(f.remove("another").value.value());
  REQUIRE(f.sent.size() == before + 1);
  CHECK(f.sent.back().starts_with("DELETE "));
}

TEST_CASE("all providers of a subscription share its budgets") {
  Groups f;
  for (int i = 0; i < 120; ++i) CHECK(f.put("nsg").value);
  f.provider = f.connect();
  CHECK_FALSE(f.put("nsg").value);
  CHECK(f.sent.size() == 120);
  f.clock.run_for(f.io, 100ms);
  CHECK(f.outcomes.back().value);
}

TEST_CASE("an operation is asked for as urgently as it was begun") {
  Order f;
  f.spend_bucket();
  cloud::WaitOptions options;
  const auto ask = [&](Work work) {
    options.work = work;
    options.operation_deadline = 1s;
    const net::Request sent{.method = "DELETE", .target = "/rule"};
    start(f.io,
          cloud::wait_for_operation(f.arm_client, f.pauses, f.clock, sent,
                                    response(202, "", {{"Azure-AsyncOperation", arm + "/op"}}),
                                    options),
          f.outcomes.emplace_back());
    f.clock.run_for(f.io, 100ms);
  };
  f.server.serve = [](const net::Request&) { return response(200, R"({"status":"Succeeded"})"); };
  for (int i = 0; i < 20; ++i) f.budgets.reads.tokens.take(f.clock.boot_now());
  ask(Work::opening);
  CHECK(f.server.sent.empty());
  ask(Work::closing);
  CHECK(f.outcomes.back().value.value());
}
