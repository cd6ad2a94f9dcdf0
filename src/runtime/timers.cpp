#include "runtime/timers.hpp"

#include <algorithm>
#include <boost/multi_index/composite_key.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/ordered_index.hpp>
#include <boost/multi_index_container.hpp>
#include <utility>

namespace portcullis::runtime {
namespace {

namespace mi = boost::multi_index;
using Timer = Timers::Timer;

struct ByKey;
struct ByTime;

using KeyOf = mi::member<Timer, std::string, &Timer::key>;
using TimeOf = mi::member<Timer, TimePoint, &Timer::when>;
using All = mi::multi_index_container<
    Timer,
    mi::indexed_by<mi::ordered_unique<mi::tag<ByKey>, KeyOf>,
                   mi::ordered_unique<mi::tag<ByTime>, mi::composite_key<Timer, TimeOf, KeyOf>>>>;

}  // namespace

struct Timers::Index {
  All all{};
};

Timers::Timers() : index_(std::make_unique<Index>()) {}
Timers::~Timers() = default;

bool Timers::add(std::string key, TimePoint when, Urgency urgency) {
  auto& by_key = index_->all.get<ByKey>();
  auto place = by_key.find(key);
  if (place == by_key.end()) {
    place = by_key.insert({.key = std::move(key), .when = when, .urgency = urgency}).first;
  } else if (when > place->when) {
    return false;
  } else {
    const bool same = when == place->when;
    by_key.modify(place, [&](Timer& timer) {
      timer.urgency = same ? std::min(urgency, timer.urgency) : urgency;
      timer.when = when;
    });
    if (same) return false;
  }
  return &*index_->all.get<ByTime>().begin() == &*place;
}

std::optional<TimePoint> Timers::first() const {
  if (index_->all.empty()) return std::nullopt;
  return index_->all.get<ByTime>().begin()->when;
}

std::optional<Timers::Timer> Timers::take(TimePoint now) {
  if (index_->all.empty()) return std::nullopt;
  auto& by_time = index_->all.get<ByTime>();
  if (by_time.begin()->when > now) return std::nullopt;
  Timer timer = *by_time.begin();
  by_time.erase(by_time.begin());
  return timer;
}

}  // namespace portcullis::runtime
