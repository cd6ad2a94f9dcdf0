#include "plan/clock_skew.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <vector>

using namespace std::chrono_literals;

namespace portcullis::plan {
namespace {

constexpr TimePoint noon{1'795'003'200s};  // 2026-11-18T12:00:00Z

using Readings = std::vector<ClockReading>;

/// The node's, the API server's and the cloud's, so far ahead of noon.
Readings clocks(Duration node, Duration cluster, Duration cloud) {
  return {{.whose = "node", .owner = "the node's admin", .says = noon + node},
          {.whose = "cluster", .owner = "the cluster's admin", .says = noon + cluster},
          {.whose = "cloud", .owner = "the cloud's admin", .says = noon + cloud}};
}

bool says(const ClockView& view, const std::string& words) {
  INFO(view.problem);
  return view.problem.find(words) != std::string::npos;
}

TEST_CASE("clocks within five seconds agree, over that it is told, over thirty nothing opens",
          "[plan]") {
  const auto [apart, skewed, stops] = GENERATE(table<Duration, bool, bool>({{0s, false, false},
                                                                            {5s, false, false},
                                                                            {5001ms, true, false},
                                                                            {30s, true, false},
                                                                            {30001ms, true, true},
                                                                            {24h, true, true}}));
  for (const auto& readings : {clocks(apart, 0s, 0s), clocks(-apart, 0s, 0s), clocks(0s, apart, 0s),
                               clocks(0s, 0s, -apart), clocks(0s, 0s, apart)}) {
    const auto view = judge_clocks(readings, {});
    CHECK(view.apart == apart);
    CHECK(view.skewed == skewed);
    CHECK(view.stops_openings == stops);
    CHECK(view.problem.empty() == !skewed);
  }
}

TEST_CASE("two that are as far from a third one on both sides are apart from each other",
          "[plan]") {
  CHECK(judge_clocks(clocks(0s, -20s, 20s), {}).stops_openings);
  CHECK_FALSE(judge_clocks(clocks(0s, -10s, 10s), {}).stops_openings);
}

TEST_CASE("no clock, or one alone, is no skew", "[plan]") {
  CHECK_FALSE(judge_clocks({}, {}).skewed);
  CHECK_FALSE(judge_clocks(Readings{{.whose = "node", .owner = "me", .says = noon}}, {}).skewed);
}

TEST_CASE("the words have both clocks, what is allowed, and who must act", "[plan]") {
  const auto view = judge_clocks(clocks(-2min, 1s, 0s), {});
  CHECK(says(view, "2m1s apart"));
  CHECK(says(view, "5s are allowed, over 30s nothing is opened"));
  CHECK(says(view, "node says 2026-11-18T11:58:00Z"));
  CHECK(says(view, "cluster 2026-11-18T12:00:01Z"));
  CHECK(says(view, "the node's admin has to set it"));
  CHECK(says(judge_clocks(clocks(0s, 0s, 1h), {}), "the cloud's admin has to set it"));
  CHECK(says(judge_clocks(clocks(0s, -1h, 1s), {}), "the cluster's admin has to set it"));
}

TEST_CASE("of two clocks, and of three that all differ, nobody can tell which is wrong", "[plan]") {
  Readings two = clocks(0s, 1min, 0s);
  two.pop_back();
  CHECK(says(judge_clocks(two, {}), "the node's admin, or the cluster's admin, has to set it"));
  const auto three = judge_clocks(clocks(0s, 1min, 2min), {});
  CHECK(says(three, "the node's admin, or the cloud's admin, has to set it"));
}

TEST_CASE("near a limit it stays as it was, and words change only with what they say", "[plan]") {
  auto view = judge_clocks(clocks(0s, 0s, 31s), {});
  REQUIRE(view.stops_openings);
  const std::string told = view.problem;
  for (const Duration apart : {30s, 29s, 32s, 33s}) {
    view = judge_clocks(clocks(1s, 1s, apart + 1s), view);
    CHECK(view.stops_openings);
    CHECK(view.problem == told);
  }
  view = judge_clocks(clocks(0s, 0s, 40s), view);
  CHECK(says(view, "40s apart"));
  view = judge_clocks(clocks(0s, 0s, 28s), view);
  CHECK_FALSE(view.stops_openings);
  CHECK(view.skewed);
  CHECK(says(view, "28s apart"));
  view = judge_clocks(clocks(0s, 0s, 30s), view);
  CHECK_FALSE(view.stops_openings);
  view = judge_clocks(clocks(0s, 0s, 4s), view);
  CHECK(view.skewed);
  view = judge_clocks(clocks(0s, 0s, 3s), view);
  CHECK_FALSE(view.skewed);
  CHECK(view.problem.empty());
}

TEST_CASE("whatever was before, far apart stops openings and close together lets them", "[plan]") {
  rc::check([] {
    ClockView view;
    for (const int apart : *rc::gen::container<std::vector<int>>(rc::gen::inRange(-100, 100))) {
      view = judge_clocks(clocks(0s, 0s, std::chrono::seconds(apart)), view);
      if (std::abs(apart) > 30) RC_ASSERT(view.stops_openings);
      if (std::abs(apart) <= 28) RC_ASSERT(!view.stops_openings);
      RC_ASSERT(view.skewed == !view.problem.empty());
    }
  });
}

}  // namespace
}  // namespace portcullis::plan
