#include "runtime/lanes.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

namespace portcullis::runtime {
namespace {

std::vector<std::string> drain(Lanes& lanes, std::size_t most = 1000) {
  std::vector<std::string> out;
  while (!lanes.empty() && out.size() < most) out.push_back(lanes.pop());
  return out;
}

TEST_CASE("what is in one lane comes in the order of arrival, each key once", "[runtime]") {
  Lanes lanes;
  for (const char* key : {"a", "b", "a", "c"}) lanes.push(key, "");
  CHECK(lanes.size() == 3);
  CHECK(drain(lanes) == std::vector<std::string>{"a", "b", "c"});
  CHECK(lanes.empty());
}

TEST_CASE("what waits in a lane comes together, the lanes in the order of arrival", "[runtime]") {
  Lanes lanes;
  for (const char* key : {"a1", "b1", "a2", "c1", "b2"}) lanes.push(key, std::string(key, 1));
  CHECK(lanes.pop() == "a1");
  lanes.push("a3", "a");  // it still has its turn
  CHECK(drain(lanes) == std::vector<std::string>{"a2", "a3", "b1", "b2", "c1"});
}

TEST_CASE("a lane that was empty begins behind the others", "[runtime]") {
  Lanes lanes;
  lanes.push("a1", "a");
  lanes.push("b1", "b");
  CHECK(lanes.pop() == "a1");
  lanes.push("a2", "a");
  CHECK(drain(lanes) == std::vector<std::string>{"b1", "a2"});
}

TEST_CASE("a thousand of one lane hold up another by a turn, and both get on", "[runtime]") {
  Lanes lanes;
  for (int i = 0; i < 1000; ++i) lanes.push("a" + std::to_string(i), "a");
  for (int i = 0; i < 200; ++i) lanes.push("b" + std::to_string(i), "b");
  const auto keys = drain(lanes, 10'000);
  REQUIRE(keys.size() == 1200);
  constexpr auto turn = Lanes::most_in_a_turn;
  CHECK(keys[turn - 1].front() == 'a');
  CHECK(keys[turn] == "b0");
  CHECK(keys[2 * turn - 1] == "b" + std::to_string(turn - 1));
  CHECK(keys[2 * turn] == "a" + std::to_string(turn));
  CHECK(keys[3 * turn] == "b" + std::to_string(turn));
  CHECK(keys.back() == "a999");
}

TEST_CASE("thousands that have come leave nothing behind, and the next wait as the first did",
          "[runtime]") {
  Lanes lanes;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3000; ++i) {
      lanes.push("a-key-that-is-no-short-text-" + std::to_string(i), std::to_string(i % 7));
    }
    CHECK(lanes.contains("a-key-that-is-no-short-text-2999"));
    CHECK(lanes.size() == 3000);
    for (int i = 0; i < 1000; ++i) {
      CHECK(lanes.remove("a-key-that-is-no-short-text-" + std::to_string(i)));
    }
    const auto keys = drain(lanes, 10'000);
    CHECK(keys.size() == 2000);
    CHECK(std::set<std::string>(keys.begin(), keys.end()).size() == 2000);
    CHECK(lanes.empty());
    CHECK_FALSE(lanes.contains(keys.front()));
  }
}

// The sanitizers' heap lays out as it likes.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

TEST_CASE("what waits leaves no holes between what comes to stay meanwhile", "[runtime]") {
  constexpr std::size_t count = 5000;
  constexpr std::size_t size = 100;
  constexpr std::size_t page = 4096;
  Lanes lanes;
  std::vector<std::unique_ptr<char[]>> stays;
  std::set<std::uintptr_t> pages;
  for (std::size_t i = 0; i < count; ++i) {
    lanes.push("a-key-that-is-no-short-text-" + std::to_string(i), "lane");
    stays.push_back(std::make_unique<char[]>(size));
    pages.insert(reinterpret_cast<std::uintptr_t>(stays.back().get()) / page);
  }
  CHECK(pages.size() < count * size / page * 3 / 2);
}

#endif

TEST_CASE("what is removed does not come, also where it was all of its lane", "[runtime]") {
  Lanes lanes;
  for (const char* key : {"a1", "b1", "a2"}) lanes.push(key, std::string(key, 1));
  CHECK(lanes.remove("b1"));
  CHECK(lanes.remove("a1"));
  CHECK_FALSE(lanes.remove("a1"));
  lanes.push("a1", "a");
  CHECK(drain(lanes) == std::vector<std::string>{"a2", "a1"});
}

}  // namespace
}  // namespace portcullis::runtime
