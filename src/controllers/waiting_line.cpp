#include "controllers/waiting_line.hpp"

#include <algorithm>

namespace portcullis::controllers {

TimePoint WaitingLine::turn(const std::string& who, TimePoint now, TimePoint opens,
                            std::size_t calls) {
  if (const auto mine = turns_.find(who); mine != turns_.end() && mine->second > now) {
    return mine->second;
  }
  const TimePoint last = times_.empty() ? TimePoint{} : *times_.rbegin();
  leave(who);
  const TimePoint mine = std::max({last, now, opens}) + pace_ * static_cast<Duration::rep>(calls);
  turns_.emplace(who, mine);
  times_.insert(mine);
  return mine;
}

void WaitingLine::leave(const std::string& who) {
  const auto turn = turns_.find(who);
  if (turn == turns_.end()) return;
  times_.erase(times_.find(turn->second));
  turns_.erase(turn);
}

}  // namespace portcullis::controllers
