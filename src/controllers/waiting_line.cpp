#include "controllers/waiting_line.hpp"

#include <algorithm>

namespace portcullis::controllers {

TimePoint WaitingLine::turn(const std::string& who, TimePoint now, TimePoint opens,
                            std::size_t calls) {
  TimePoint& mine = turns_[who];
  if (mine <= now) {
    last_ = std::max({last_, now, opens}) + pace_ * static_cast<Duration::rep>(calls);
    mine = last_;
  }
  return mine;
}

}  // namespace portcullis::controllers
