#include "cloud/token_bucket.hpp"

#include <catch2/catch.hpp>

using namespace portcullis;
using namespace std::chrono_literals;
using cloud::TokenBucket;
using cloud::Work;

namespace {

constexpr cloud::CallLimits small{.burst = 10, .per_second = 2};
constexpr cloud::CallLimits windowed{.burst = 1000, .per_second = 1000, .most = 10, .window = 5min};

constexpr BootTime start{1h};

/// As many as go without waiting.
int drain(TokenBucket& bucket, Work work, BootTime now) {
  int count = 0;
  for (; bucket.wait(work, now) <= Duration(0); ++count) bucket.take(now);
  return count;
}

}  // namespace

TEST_CASE("all but closings leave two fifths of the tokens") {
  TokenBucket bucket(small);
  const Work work = GENERATE(Work::lock, Work::opening, Work::drift, Work::survey);
  CHECK(drain(bucket, work, start) == 6);
  CHECK(bucket.wait(work, start) == 500ms);
  const Work closing = GENERATE(Work::overdue_closing, Work::closing);
  CHECK(drain(bucket, closing, start) == 4);
  CHECK(bucket.wait(closing, start) == 500ms);
  // What closings used of their share is filled up first.
  CHECK(bucket.wait(work, start) == 2500ms);
}

TEST_CASE("a bucket is refilled evenly, and never above its size") {
  TokenBucket bucket(small);
  CHECK(drain(bucket, Work::closing, start) == 10);
  CHECK(drain(bucket, Work::closing, start + 499ms) == 0);
  CHECK(drain(bucket, Work::closing, start + 500ms) == 1);
  CHECK(drain(bucket, Work::closing, start + 1750ms) == 2);
  CHECK(bucket.wait(Work::closing, start + 1750ms) == 250ms);
  CHECK(drain(bucket, Work::closing, start + 24h) == 10);
}

TEST_CASE("within a window no more than its number is sent, and closings have their share of it") {
  TokenBucket bucket(windowed);
  for (int i = 0; i < 6; ++i) {
    CHECK(drain(bucket, Work::opening, start + i * 1s) == (i == 0 ? 6 : 0));
  }
  CHECK(bucket.wait(Work::opening, start + 10s) == 290s);
  CHECK(drain(bucket, Work::closing, start + 10s) == 4);
  CHECK(bucket.wait(Work::closing, start + 10s) == 290s);
  CHECK(drain(bucket, Work::closing, start + 5min - 1ms) == 0);
  // The six of the start have left the window, the four closings of later have not.
  CHECK(drain(bucket, Work::opening, start + 5min) == 2);
  CHECK(drain(bucket, Work::closing, start + 5min) == 4);
}

TEST_CASE("however calls come, no window holds more than its number") {
  TokenBucket bucket(cloud::azure_writes);
  std::vector<BootTime> sent;
  BootTime now = start;
  for (int step = 0; step < 4000; ++step, now += Duration(7 + step % 450)) {
    const Work work = step % 3 == 0 ? Work::closing : Work::opening;
    for (int tries = 0; tries < 12 && bucket.wait(work, now) <= Duration(0); ++tries) {
      bucket.take(now);
      sent.push_back(now);
    }
  }
  REQUIRE(sent.size() > 2000);
  for (std::size_t i = 1000; i < sent.size(); ++i) REQUIRE(sent[i] - sent[i - 1000] >= 5min);
  for (std::size_t i = 220; i < sent.size(); ++i) REQUIRE(sent[i] - sent[i - 220] >= 2s);
}

TEST_CASE("who waits as long as told may go then, and not a moment sooner") {
  const auto limits = GENERATE(small, windowed, cloud::azure_reads, cloud::azure_writes);
  const Work work = GENERATE(Work::closing, Work::opening);
  TokenBucket bucket(limits);
  BootTime now = start;
  for (int i = 0; i < 3000; ++i) {
    const Duration wait = bucket.wait(work, now);
    if (wait > Duration(0)) {
      REQUIRE(bucket.wait(work, now + wait - 1ms) == 1ms);
      now += wait;
    }
    REQUIRE(bucket.wait(work, now) <= Duration(0));
    bucket.take(now);
  }
}

TEST_CASE("a share of the limits is never nothing") {
  const auto part = cloud::scaled(cloud::azure_writes, 50);
  CHECK(part.burst == 100);
  CHECK(part.per_second == 5);
  CHECK(part.most == 500);
  CHECK(part.window == 5min);
  CHECK(cloud::scaled(cloud::azure_reads, 1000).burst == 2500);
  TokenBucket least(cloud::scaled(cloud::azure_writes, 1));
  CHECK(drain(least, Work::opening, start) == 3);
  CHECK(drain(least, Work::closing, start) == 2);
  CHECK(least.wait(Work::closing, start) == 1s);
}
