#include "kube/backoff.hpp"

#include <catch2/catch.hpp>

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Pauses double up to half a minute, each with a jitter of its own length") {
  Backoff backoff(GENERATE(0u, 1u, 77u));
  BootTime now{1h};
  Duration base = 800ms;
  for (int i = 0; i < 10; ++i) {
    const Duration pause = backoff.next(now);
    CHECK(pause >= base);
    CHECK(pause < 2 * base);
    base = std::min<Duration>(2 * base, 30s);
    now += pause;
  }
}

TEST_CASE("After two minutes without a pause they start from the beginning") {
  Backoff backoff(1);
  BootTime now{1h};
  for (int i = 0; i < 10; ++i) backoff.next(now);
  CHECK(backoff.next(now + 2min) >= 30s);
  CHECK(backoff.next(now + 4min + 1ms) < 1600ms);
}

}  // namespace
}  // namespace portcullis::kube
