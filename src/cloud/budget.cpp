#include "cloud/budget.hpp"

#include "base/log.hpp"

namespace portcullis::cloud {

void Budget::note_shortage(const char* what, Work work, Duration wait, BootTime now) {
  ++held_back[static_cast<std::size_t>(work)];
  if (now < next_word_) return;
  next_word_ = now + std::chrono::minutes(1);
  log::warning("the subscription's budget of calls is used up",
               {{"budget", what},
                {"held_back", to_string(work)},
                {"left_for_closings", is_closing(work) ? "no" : "yes"},
                {"next_in", format_duration(wait)}});
}

}  // namespace portcullis::cloud
