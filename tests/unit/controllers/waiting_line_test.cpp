#include "controllers/waiting_line.hpp"

#include <catch2/catch.hpp>

namespace portcullis::controllers {
namespace {

using namespace std::chrono_literals;

const TimePoint start{1'000'000s};

struct Line {
  WaitingLine line{500ms};
  TimePoint now = start;
  TimePoint turn(const std::string& who, std::size_t calls = 1, Duration opens = 0ms) {
    return line.turn(who, now, now + opens, calls);
  }
};

TEST_CASE_METHOD(Line, "each has a time behind those who came before, as far as they send",
                 "[controllers]") {
  CHECK(turn("a", 2) == start + 1s);
  CHECK(turn("b") == start + 1500ms);
  CHECK(turn("c") == start + 2s);
}

TEST_CASE_METHOD(Line, "who asks again keeps its turn, and makes the line no longer",
                 "[controllers]") {
  const TimePoint mine = turn("a", 4);
  now += 1s;
  for (int i = 0; i < 10; ++i) CHECK(turn("a", 4) == mine);
  CHECK(turn("b") == mine + 500ms);
}

TEST_CASE_METHOD(Line, "whose turn was in vain stands behind the others", "[controllers]") {
  now = turn("a");
  const TimePoint other = turn("b", 20);
  CHECK(turn("a") == other + 500ms);
}

TEST_CASE_METHOD(Line, "nobody's turn comes before there is anything to be had", "[controllers]") {
  CHECK(turn("a", 1, 4min) == start + 4min + 500ms);
  CHECK(turn("b", 1, 4min) == start + 4min + 1s);
  // What the line has given out is not given again when it opens earlier.
  CHECK(turn("c") == start + 4min + 1500ms);
}

TEST_CASE_METHOD(Line, "who has left starts anew, and an idle line owes nothing", "[controllers]") {
  const TimePoint first = turn("a");
  line.leave("a");
  line.leave("nobody");
  CHECK(turn("a") == first);
  now += 1h;
  CHECK(turn("b") == now + 500ms);
}

TEST_CASE_METHOD(Line, "thousands that came and went hold up nobody who comes after them",
                 "[controllers]") {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5000; ++i) turn("group-" + std::to_string(i));
    for (int i = 0; i < 5000; ++i) line.leave("group-" + std::to_string(i));
  }
  CHECK(turn("other") == start + 500ms);
  CHECK(turn("another") == start + 1s);
}

}  // namespace
}  // namespace portcullis::controllers
