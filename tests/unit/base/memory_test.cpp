#include "base/memory.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

namespace portcullis::memory {
namespace {

constexpr std::size_t page = 4096;

/// Bytes of this process that are in memory; of files alone.
std::size_t resident(bool of_files = false) {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t pages = 0;
  std::size_t file_pages = 0;
  statm >> size >> pages >> file_pages;
  return (of_files ? file_pages : pages) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

int written_once = 1;
// Stands in the program's file, in a part that nobody may write.
alignas(page) constexpr std::array<unsigned char, 4 * page> stands_in_file = {1, 2, 3};

TEST_CASE("letting go of unchanged code changes nothing but where it is", "[memory]") {
  ++written_once;
  const std::size_t before = resident(true);
  const std::size_t let_go = let_go_of_unchanged_code();
  CHECK(resident(true) < before);
  CHECK(let_go > 1u << 20);  // this program alone has more
  CHECK(written_once == 2);
  CHECK(std::accumulate(stands_in_file.begin(), stands_in_file.end(), 0) == 6);
  CHECK(let_go_of_unchanged_code() > 1u << 20);  // what was used meanwhile
}

TEST_CASE("what was changed where nobody may write stays changed", "[memory]") {
  auto* place = const_cast<unsigned char*>(stands_in_file.data());
  volatile unsigned char* byte = place + page;
  REQUIRE(mprotect(place, stands_in_file.size(), PROT_READ | PROT_WRITE) == 0);
  *byte = 42;  // as a debugger does
  REQUIRE(mprotect(place, stands_in_file.size(), PROT_READ) == 0);
  let_go_of_unchanged_code();
  CHECK(*byte == 42);
}

TEST_CASE("other threads run and load libraries while code is let go of", "[memory]") {
  std::atomic<bool> done = false;
  std::atomic<std::size_t> rounds = 0;
  std::thread other([&] {
    while (!done) {
      void* library = dlopen("libanl.so.1", RTLD_NOW | RTLD_LOCAL);
      std::vector<int> numbers(10'000);
      std::iota(numbers.rbegin(), numbers.rend(), 0);
      std::ranges::sort(numbers);
      if (library == nullptr || numbers[5'000] != 5'000) std::abort();
      dlclose(library);
      ++rounds;
    }
  });
  for (std::size_t begun = rounds; rounds < begun + 20;) let_go_of_unchanged_code();
  done = true;
  other.join();
  CHECK(rounds >= 20);
}

TEST_CASE("the processor's time goes on with work", "[memory]") {
  const Duration before = processor_time();
  volatile unsigned work = 0;
  while (processor_time() - before < Duration(20)) work = work + 1;
  CHECK(work > 1000);
}

// The sanitizers have a heap of their own.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

TEST_CASE("free memory between what is still used goes back to the system", "[memory]") {
  constexpr std::size_t count = 40'000;
  constexpr std::size_t size = 1'000;
  std::vector<std::unique_ptr<char[]>> pieces;
  pieces.reserve(count);
  for (std::size_t i = 0; i < count; ++i) pieces.push_back(std::make_unique<char[]>(size));
  // Each hundredth piece stays: no end of the heap is free.
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 100 != 99) pieces[i].reset();
  }
  const std::size_t before = resident();
  CHECK(give_back_free_heap() > count * size / 2);
  CHECK(resident() + count * size / 2 < before);
}

#endif

}  // namespace
}  // namespace portcullis::memory
