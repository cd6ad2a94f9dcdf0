#include "runtime/timers.hpp"

#include <algorithm>
#include <boost/multi_index/composite_key.hpp>
#include <boost/multi_index/mem_fun.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/ordered_index.hpp>
#include <boost/multi_index_container.hpp>
#include <string_view>
#include <utility>

namespace portcullis::runtime {
namespace {

namespace mi = boost::multi_index;

/// As it is kept: the key takes no more room than its letters.
struct Kept {
  std::unique_ptr<char[]> letters;
  std::uint32_t length;
  Urgency urgency;
  TimePoint when;

  std::string_view key() const { return {letters.get(), length}; }
};

Kept keep(std::string_view key, TimePoint when, Urgency urgency) {
  auto letters = std::make_unique_for_overwrite<char[]>(key.size());
  std::ranges::copy(key, letters.get());
  return {.letters = std::move(letters),
          .length = static_cast<std::uint32_t>(key.size()),
          .urgency = urgency,
          .when = when};
}

struct ByKey;
struct ByTime;

using KeyOf = mi::const_mem_fun<Kept, std::string_view, &Kept::key>;
using TimeOf = mi::member<Kept, TimePoint, &Kept::when>;
using All = mi::multi_index_container<
    Kept,
    mi::indexed_by<mi::ordered_unique<mi::tag<ByKey>, KeyOf>,
                   mi::ordered_unique<mi::tag<ByTime>, mi::composite_key<Kept, TimeOf, KeyOf>>>>;

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
    place = by_key.insert(keep(key, when, urgency)).first;
  } else if (when > place->when) {
    return false;
  } else {
    const bool same = when == place->when;
    by_key.modify(place, [&](Kept& timer) {
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
  const Kept& first = *by_time.begin();
  if (first.when > now) return std::nullopt;
  Timer timer{.key = std::string(first.key()), .when = first.when, .urgency = first.urgency};
  by_time.erase(by_time.begin());
  return timer;
}

}  // namespace portcullis::runtime
