#include "runtime/lanes.hpp"

#include <algorithm>
#include <utility>

namespace portcullis::runtime {
namespace {

// Where fewer waited there is little to give back.
constexpr std::size_t many = 256;

}  // namespace

void Lanes::push(std::string_view key, const std::string& lane) {
  const auto [place, is_new] = where_.emplace(key, Where());
  if (!is_new) return;
  const auto [known, opens] = by_name_.try_emplace(lane);
  if (opens)
    known->second = lanes_.insert(lanes_.end(), Lane{.name = lane, .keys = Keys(&memory_)});
  Keys& keys = known->second->keys;
  place->second = {.lane = known->second, .key = keys.insert(keys.end(), &place->first)};
  most_ = std::max(most_, where_.size());
}

bool Lanes::remove(std::string_view key) {
  const auto place = where_.find(key);
  if (place == where_.end()) return false;
  take_out(place);
  return true;
}

std::string Lanes::pop() {
  const auto lane = lanes_.begin();
  // One that has nothing left goes, and begins behind the others when it is back.
  const bool stays = lane->keys.size() > 1;
  std::string key = take_out(where_.find(*lane->keys.front()));
  if (stays && ++lane->given >= most_in_a_turn) {
    lane->given = 0;
    lanes_.splice(lanes_.end(), lanes_, lane);
  }
  return key;
}

std::string Lanes::take_out(Places::iterator place) {
  const auto [lane, at] = place->second;
  std::string key(place->first);
  lane->keys.erase(at);
  where_.erase(place);
  if (lane->keys.empty()) {
    by_name_.erase(lane->name);
    lanes_.erase(lane);
  }
  if (where_.empty() && most_ >= many) {
    memory_.release();
    most_ = 0;
  }
  return key;
}

}  // namespace portcullis::runtime
