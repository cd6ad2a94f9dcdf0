#include "app/housekeeping.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <vector>

#include "base/memory.hpp"
#include "support/fake_clock.hpp"

namespace portcullis::app {
namespace {

using namespace std::chrono_literals;

struct Resident {
  std::size_t all = 0;
  std::size_t of_files = 0;
};

Resident resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  Resident pages;
  statm >> size >> pages.all >> pages.of_files;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return {pages.all * page, pages.of_files * page};
}

void work_for(Duration time) {
  const Duration before = memory::processor_time();
  while (memory::processor_time() - before < time) {
  }
}

struct Housed {
  test::FakeClock clock;
  Housekeeping housekeeping{clock};
  asio::io_context io;
  bool ended = false;

  Housed() {
    asio::co_spawn(io, housekeeping.run(), [this](const std::exception_ptr&) { ended = true; });
    clock.run_for(io, 6s);
  }
  ~Housed() {
    housekeeping.stop();
    test::settle(io);
  }
};

TEST_CASE_METHOD(Housed, "who is told to stop ends at once", "[housekeeping]") {
  CHECK_FALSE(ended);
  housekeeping.stop();
  test::settle(io);
  CHECK(ended);
}

TEST_CASE_METHOD(Housed, "after a burst the pages of the program are let go of once",
                 "[housekeeping]") {
  work_for(100ms);
  const Resident busy = resident();
  clock.run_for(io, 5s);  // a round of work
  clock.run_for(io, 5s);  // and one of rest
  CHECK(resident().of_files < busy.of_files);
}

// The sanitizers have a heap of their own.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

TEST_CASE_METHOD(Housed, "what a burst left free goes back in the middle of it", "[housekeeping]") {
  constexpr std::size_t count = 40'000;
  constexpr std::size_t size = 1'000;
  std::vector<std::unique_ptr<char[]>> pieces;
  pieces.reserve(count);
  for (std::size_t i = 0; i < count; ++i) pieces.push_back(std::make_unique<char[]>(size));
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 100 != 99) pieces[i].reset();
  }
  work_for(100ms);
  const Resident before = resident();
  clock.run_for(io, 5s);
  CHECK(resident().all + count * size / 2 < before.all);
}

#endif

}  // namespace
}  // namespace portcullis::app
