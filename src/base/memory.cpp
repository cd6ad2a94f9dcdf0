#include "base/memory.hpp"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace portcullis::memory {
namespace {

constexpr std::size_t much = 1u << 20;

// Buffers of connections, lists and answers are larger, objects are smaller: what comes and goes
// leaves no holes between what stays.
constexpr int large_block = 64 << 10;

/// What the kernel tells of each page of this process (Documentation/admin-guide/mm/pagemap.rst).
class PageMap {
 public:
  PageMap() : file_(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
  ~PageMap() {
    if (file_ >= 0) close(file_);
  }
  PageMap(const PageMap&) = delete;
  PageMap& operator=(const PageMap&) = delete;

  /// Whether all pages that are in memory are as they stand in their file. False: it cannot be
  /// told.
  bool unchanged(std::uintptr_t from, std::uintptr_t to) const {
    constexpr std::uint64_t present = 1ull << 63;
    constexpr std::uint64_t swapped = 1ull << 62;
    constexpr std::uint64_t of_file = 1ull << 61;
    std::vector<std::uint64_t> pages((to - from) / page_size);
    const std::size_t bytes = pages.size() * sizeof(pages[0]);
    const auto offset = static_cast<off_t>(from / page_size * sizeof(pages[0]));
    if (pread(file_, pages.data(), bytes, offset) != static_cast<ssize_t>(bytes)) return false;
    return std::ranges::none_of(pages, [](std::uint64_t page) {
      return (page & (present | swapped)) != 0 && (page & of_file) == 0;
    });
  }

  const std::uintptr_t page_size = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));

 private:
  int file_;
};

struct LettingGo {
  PageMap pages{};
  std::size_t bytes = 0;
};

/// For each object that is loaded, under the loader's lock.
int let_go(dl_phdr_info* object, std::size_t, void* context) {
  auto& work = *static_cast<LettingGo*>(context);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0) continue;
    const std::uintptr_t page = work.pages.page_size;
    const std::uintptr_t from = (object->dlpi_addr + part.p_vaddr) / page * page;
    const std::uintptr_t to =
        (object->dlpi_addr + part.p_vaddr + part.p_memsz + page - 1) / page * page;
    if (!work.pages.unchanged(from, to)) continue;
    if (madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED) == 0) {
      work.bytes += to - from;
    }
  }
  return 0;
}

}  // namespace

void set_up_heap() {
  mallopt(M_ARENA_MAX, 1);
  // Set by hand they stay so: else each large block that is freed moves them up.
  mallopt(M_MMAP_THRESHOLD, large_block);
  mallopt(M_TRIM_THRESHOLD, 2 * large_block);
}

std::size_t give_back_free_heap() {
  const std::size_t free = mallinfo2().fordblks;
  if (free >= much) malloc_trim(0);
  return free;
}

std::size_t let_go_of_unchanged_code() {
  LettingGo work;
  dl_iterate_phdr(let_go, &work);
  return work.bytes;
}

Duration processor_time() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& time) {
    return std::chrono::duration_cast<Duration>(std::chrono::seconds(time.tv_sec) +
                                                std::chrono::microseconds(time.tv_usec));
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

}  // namespace portcullis::memory
