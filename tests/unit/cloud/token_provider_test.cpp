#include "cloud/token_provider.hpp"

#include <catch2/catch.hpp>

#include "azure_fixture.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;

namespace {

/// Gives out "t1", "t2", …; slowly if told, or an error.
class FakeCredential final : public cloud::Credential {
 public:
  explicit FakeCredential(Clock& clock) : clock_(clock) {}

  Task<Result<cloud::AccessToken>> exchange(Duration deadline) override {
    ++exchanges;
    deadlines.push_back(deadline);
    if (slow > Duration(0)) co_await clock_.sleep_for(std::min(slow, deadline));
    if (slow > deadline) co_return fail(Error::Kind::timeout, "too slow");
    if (failure) co_return fail(*failure);
    co_return cloud::AccessToken{.value = Secret("t" + std::to_string(++given)), .lifetime = life};
  }

  Duration life = 1h;
  Duration slow{0};
  std::optional<Error> failure;
  int exchanges = 0;
  int given = 0;
  std::vector<Duration> deadlines;

 private:
  Clock& clock_;
};

struct Fixture {
  FakeClock clock;
  FakeCredential credential{clock};
  cloud::Pauses pauses{clock};
  cloud::TokenProvider tokens{credential, pauses, clock};
  asio::io_context io;

  std::string token() { return text(run(io, clock, tokens.token(10s))); }
  std::string renew(const std::string& refused) {
    return text(run(io, clock, tokens.renew(Secret(refused), 10s)));
  }
  static std::string text(const Result<Secret>& token) {
    return token ? token->reveal() : std::string("error ") + to_string(token.error().kind);
  }
};

}  // namespace

TEST_CASE("a token is kept until 80 % of its life or five minutes before its end") {
  struct Row {
    Duration life;
    Duration renewed_at;
  };
  const auto row = GENERATE(Row{1h, 48min}, Row{24h, Duration(24h) * 4 / 5}, Row{20min, 15min},
                            Row{10min, 5min}, Row{4min, 2min}, Row{1min, 30s});
  Fixture f;
  f.credential.life = row.life;
  CHECK(f.token() == "t1");
  f.clock.advance(row.renewed_at - 1ms);
  CHECK(f.token() == "t1");
  f.clock.advance(1ms);
  CHECK(f.token() == "t2");
  CHECK(f.token() == "t2");
}

TEST_CASE("concurrent callers share one exchange") {
  Fixture f;
  f.credential.slow = 2s;
  std::vector<Outcome<Result<Secret>>> outcomes(20);
  for (auto& outcome : outcomes) start(f.io, f.tokens.token(10s), outcome);
  f.clock.run_for(f.io, 3s);
  for (auto& outcome : outcomes) {
    REQUIRE(outcome.value);
    CHECK(outcome.value->value().reveal() == "t1");
  }
  CHECK(f.credential.exchanges == 1);
}

TEST_CASE("a failed exchange is every waiting caller's failure, once") {
  Fixture f;
  f.credential.slow = 1s;
  f.credential.failure = Error{.kind = Error::Kind::unauthorized, .message = "AADSTS1"};
  std::vector<Outcome<Result<Secret>>> outcomes(5);
  for (auto& outcome : outcomes) start(f.io, f.tokens.token(10s), outcome);
  f.clock.run_for(f.io, 2s);
  for (auto& outcome : outcomes) {
    REQUIRE(outcome.value);
    CHECK(outcome.value->error().message == "AADSTS1");
  }
  CHECK(f.credential.exchanges == 1);
}

TEST_CASE("a caller with time left asks again when another gave up too early") {
  Fixture f;
  f.credential.slow = 3s;
  Outcome<Result<Secret>> hasty, patient;
  start(f.io, f.tokens.token(1s), hasty);
  start(f.io, f.tokens.token(20s), patient);
  f.clock.run_for(f.io, 5s);
  CHECK(Fixture::text(*hasty.value) == "error timeout");
  REQUIRE(patient.value);
  CHECK(Fixture::text(*patient.value) == "t1");
  CHECK(f.credential.exchanges == 2);
}

TEST_CASE("a waiting caller's own deadline holds") {
  Fixture f;
  f.credential.slow = 8s;
  Outcome<Result<Secret>> slow, hasty;
  start(f.io, f.tokens.token(10s), slow);
  start(f.io, f.tokens.token(2s), hasty);
  f.clock.run_for(f.io, 2s);
  REQUIRE(hasty.value);
  CHECK(Fixture::text(*hasty.value) == "error timeout");
  CHECK_FALSE(slow.value);
  f.clock.run_for(f.io, 7s);
  CHECK(Fixture::text(*slow.value) == "t1");
}

TEST_CASE("while a renewal fails the old token serves until its end") {
  Fixture f;
  REQUIRE(f.token() == "t1");
  f.clock.advance(50min);
  f.credential.failure = Error{.kind = Error::Kind::unavailable, .message = "down"};
  CHECK(f.token() == "t1");
  CHECK(f.credential.deadlines.back() == 5s);
  CHECK(f.credential.exchanges == 2);
  CHECK(f.token() == "t1");  // not asked again at once
  CHECK(f.credential.exchanges == 2);
  f.clock.advance(30s);
  CHECK(f.token() == "t1");
  CHECK(f.credential.exchanges == 3);
  f.clock.advance(10min);
  CHECK(f.token() == "error unavailable");
  f.credential.failure.reset();
  CHECK(f.token() == "t2");
}

TEST_CASE("others get the old token while one renews it ahead of its end") {
  Fixture f;
  REQUIRE(f.token() == "t1");
  f.clock.advance(50min);
  f.credential.slow = 3s;
  Outcome<Result<Secret>> first, second;
  start(f.io, f.tokens.token(10s), first);
  start(f.io, f.tokens.token(10s), second);
  settle(f.io);
  REQUIRE(second.value);
  CHECK(Fixture::text(*second.value) == "t1");
  f.clock.run_for(f.io, 3s);
  CHECK(Fixture::text(*first.value) == "t2");
}

TEST_CASE("a refused token is renewed once, by whoever finds it out first") {
  Fixture f;
  REQUIRE(f.token() == "t1");
  CHECK(f.renew("t1") == "t2");
  CHECK(f.renew("t1") == "t2");  // found out late: the new one is there
  CHECK(f.credential.exchanges == 2);
}

TEST_CASE("a token refused just after a renewal is not renewed again and again") {
  Fixture f;
  REQUIRE(f.token() == "t1");
  REQUIRE(f.renew("t1") == "t2");
  CHECK(f.renew("t2") == "error unauthorized");
  CHECK(f.credential.exchanges == 2);
  f.clock.advance(10s);
  CHECK(f.renew("t2") == "t3");
}

TEST_CASE("a login server that throttles is not asked before the time that it told") {
  Fixture f;
  const auto kind = GENERATE(Error::Kind::throttled, Error::Kind::unavailable);
  f.credential.failure = Error{.kind = kind, .message = "AADSTS90100", .retry_after = 60s};
  const auto ask = [&f] { return run(f.io, f.clock, f.tokens.token(10s)); };
  CHECK_FALSE(ask());
  for (int i = 0; i < 50; ++i) {
    const auto refused = ask();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == kind);
    CHECK(refused.error().message == "AADSTS90100");
    CHECK(refused.error().retry_after == 60s - i * 1s);
    f.clock.advance(1s);
  }
  CHECK(f.credential.exchanges == 1);
  f.credential.failure.reset();
  f.clock.advance(6s);
  const BootTime begin = f.clock.boot_now();
  CHECK(f.token() == "t1");  // with four seconds left it is worth waiting
  CHECK(f.clock.boot_now() - begin == 4s);
}

TEST_CASE("no login server locks a closing out for more than five minutes") {
  Fixture f;
  f.credential.failure =
      Error{.kind = Error::Kind::throttled, .message = "later", .retry_after = 24h};
  CHECK(f.token() == "error throttled");
  f.clock.advance(5min - 6s);
  CHECK(f.token() == "error throttled");
  CHECK(f.credential.exchanges == 1);
  f.credential.failure.reset();
  f.clock.advance(6s);
  CHECK(f.token() == "t1");
}

TEST_CASE("a login server that fails without a word is asked less and less") {
  Fixture f;
  f.credential.failure = Error{.kind = Error::Kind::unavailable, .message = "503"};
  std::vector<BootTime> asked;
  for (int i = 0; i < 600; ++i) {
    run(f.io, f.clock, f.tokens.token(1ms));
    if (f.credential.exchanges > static_cast<int>(asked.size())) {
      asked.push_back(f.clock.boot_now());
    }
    f.clock.advance(1s);
  }
  REQUIRE(asked.size() > 6);
  CHECK(asked.size() < 27);
  CHECK(asked[1] - asked[0] <= 2s);
  for (std::size_t i = 1; i < asked.size(); ++i) CHECK(asked[i] - asked[i - 1] <= 31s);
  CHECK(asked.back() - asked[asked.size() - 2] >= 30s);
  // Whoever answers again is asked as before.
  f.credential.failure.reset();
  f.clock.advance(30s);
  REQUIRE(f.token() == "t1");
  f.credential.failure = Error{.kind = Error::Kind::unavailable, .message = "503"};
  CHECK(f.renew("t1") == "error unavailable");
  f.credential.failure.reset();
  const BootTime begin = f.clock.boot_now();
  CHECK(f.token() == "t2");
  CHECK(f.clock.boot_now() - begin == 1s);
}

TEST_CASE("a renewal waits as long as the login server told, while the old token serves") {
  Fixture f;
  REQUIRE(f.token() == "t1");
  f.clock.advance(48min);
  f.credential.failure =
      Error{.kind = Error::Kind::throttled, .message = "later", .retry_after = 4min};
  CHECK(f.token() == "t1");
  f.clock.advance(4min - 1s);
  CHECK(f.token() == "t1");
  CHECK(f.credential.exchanges == 2);
  f.credential.failure.reset();
  f.clock.advance(1s);
  CHECK(f.token() == "t2");
}

TEST_CASE("stopping wakes whoever waits for a token") {
  Fixture f;
  f.credential.slow = 8s;
  Outcome<Result<Secret>> leader, waiter;
  start(f.io, f.tokens.token(10s), leader);
  start(f.io, f.tokens.token(10s), waiter);
  settle(f.io);
  f.pauses.stop();
  settle(f.io);
  REQUIRE(waiter.value);
  CHECK(Fixture::text(*waiter.value) == "error cancelled");
}
