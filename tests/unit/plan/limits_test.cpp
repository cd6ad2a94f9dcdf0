#include "plan/limits.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace std::chrono_literals;

namespace portcullis::plan {
namespace {

const TimePoint t0 = *parse_rfc3339("2026-11-22T12:00:00Z");

model::AccessVerdict grant(const std::string& uid, const std::string& who, Duration after,
                           Duration lasts = 1h) {
  model::AccessVerdict verdict;
  verdict.meta = {.ns = "team-a", .name = uid, .uid = uid, .created = t0 + after};
  verdict.request_name = "request-" + uid;
  verdict.requester = who;
  verdict.granted = true;
  verdict.duration = lasts;
  return verdict;
}

using Names = std::vector<std::string>;

Names surplus(const model::JitPolicy::Limits& limits, std::vector<Granted> granted) {
  const auto found = find_surplus(limits, granted);
  std::ranges::reverse(granted);  // the order in which they are told means nothing
  REQUIRE(find_surplus(limits, granted).size() == found.size());
  Names names;
  for (const auto& one : found) names.push_back(one.verdict->meta.uid);
  return names;
}

TEST_CASE("of grants that are too many the youngest are surplus", "[plan]") {
  const auto a = grant("a", "alice", 2s), b = grant("b", "alice", 1s), c = grant("c", "carol", 1s);
  const std::vector<Granted> all{
      {.verdict = &a, .live = true}, {.verdict = &b, .live = true}, {.verdict = &c, .live = true}};
  CHECK(surplus({}, all).empty());
  CHECK(surplus({.active_per_requester = 1}, all) == Names{"a"});
  CHECK(surplus({.active_per_requester = 2}, all).empty());
  CHECK(surplus({.active = 2}, all) == Names{"a"});
  CHECK(surplus({.active = 1}, all) == Names{"c", "a"});  // equally old: by uid
  CHECK(surplus({.active = 3}, all).empty());
  const auto told = find_surplus({.active_per_requester = 1}, all);
  CHECK(told.front().message ==
        "\"alice\" has 1 live requests (\"request-b\"), the policy allows 1 "
        "(limits.activePerRequester)");
}

TEST_CASE("what is not live, or is surplus itself, makes nothing too many", "[plan]") {
  const auto a = grant("a", "alice", 0s), b = grant("b", "alice", 1s), c = grant("c", "carol", 2s);
  CHECK(surplus({.active_per_requester = 1},
                {{.verdict = &a, .live = false}, {.verdict = &b, .live = true}})
            .empty());
  CHECK(surplus({.active_per_requester = 1, .active = 2}, {{.verdict = &a, .live = true},
                                                           {.verdict = &b, .live = true},
                                                           {.verdict = &c, .live = true}}) ==
        Names{"b"});
}

TEST_CASE("the total of a day is judged as of when a grant was made", "[plan]") {
  const model::JitPolicy::Limits limits{.total_duration = 2h};
  const auto old = grant("old", "alice", 0s), second = grant("second", "alice", 2h),
             third = grant("third", "alice", 4h), hers = grant("hers", "carol", 4h);
  CHECK(surplus(limits, {{.verdict = &old, .live = false},
                         {.verdict = &second, .live = false},
                         {.verdict = &third, .live = true},
                         {.verdict = &hers, .live = true}}) == Names{"third"});
  const auto next_day = grant("next day", "alice", 25h + 1min);
  const auto too_soon = grant("too soon", "alice", 24h);
  const auto beside = [&](const model::AccessVerdict& last) {
    return surplus(limits, {{.verdict = &old, .live = false},
                            {.verdict = &second, .live = false},
                            {.verdict = &last, .live = true}});
  };
  CHECK(beside(next_day).empty());
  CHECK(beside(too_soon) == Names{"too soon"});
}

}  // namespace
}  // namespace portcullis::plan
