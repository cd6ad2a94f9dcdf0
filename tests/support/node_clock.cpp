// Loaded before a program (LD_PRELOAD), it gives the program a node whose clock is wrong: what the
// wall clock says is off by the milliseconds that stand in the file PORTCULLIS_NODE_CLOCK names,
// eight bytes in the machine's order, which a test may change at any time. The boot clock, timers
// and everybody else's clocks stay right, as they do when a node's clock is set.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

using Offset = std::atomic<std::int64_t>;

const Offset* map_offset() {
  static const Offset none{0};
  const char* path = getenv("PORTCULLIS_NODE_CLOCK");
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return &none;
  void* memory = mmap(nullptr, sizeof(Offset), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? &none : static_cast<const Offset*>(memory);
}

std::int64_t offset_milliseconds() {
  static const Offset* const offset = map_offset();
  return offset->load(std::memory_order_relaxed);
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

#define NODE_CLOCK_EXPORT extern "C" __attribute__((visibility("default")))

NODE_CLOCK_EXPORT int clock_gettime(clockid_t clock, timespec* out) noexcept {
  static auto* const real = next<int(clockid_t, timespec*)>("clock_gettime");
  const int result = real(clock, out);
  if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
  const std::int64_t offset = offset_milliseconds();
  out->tv_sec += offset / 1000;
  out->tv_nsec += offset % 1000 * 1'000'000;
  if (out->tv_nsec < 0) {
    out->tv_nsec += 1'000'000'000;
    --out->tv_sec;
  } else if (out->tv_nsec >= 1'000'000'000) {
    out->tv_nsec -= 1'000'000'000;
    ++out->tv_sec;
  }
  return 0;
}

NODE_CLOCK_EXPORT int gettimeofday(timeval* __restrict out, void* __restrict) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return result;
}

NODE_CLOCK_EXPORT time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
