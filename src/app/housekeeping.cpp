#include "app/housekeeping.hpp"

#include "base/memory.hpp"

namespace portcullis::app {
namespace {

constexpr Duration look_again = std::chrono::seconds(5);
// Of the processor. To clean up takes a tenth of it at most, with what has to be fetched again.
constexpr Duration worth_it = std::chrono::milliseconds(30);

}  // namespace

Task<void> Housekeeping::run() {
  Duration cleaned{};  // the start is work as well
  while (!stopped_) {
    co_await clock_.sleep_for(look_again, &wake_);
    if (stopped_) co_return;
    if (memory::processor_time() - cleaned < worth_it) continue;
    memory::give_back_free_heap();
    memory::let_go_of_unchanged_code();
    cleaned = memory::processor_time();
  }
}

void Housekeeping::stop() {
  stopped_ = true;
  wake_.notify();
}

}  // namespace portcullis::app
