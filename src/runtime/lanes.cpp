#include "runtime/lanes.hpp"

#include <utility>

namespace portcullis::runtime {

void Lanes::push(const std::string& key, const std::string& lane) {
  if (where_.contains(key)) return;
  const auto [known, is_new] = by_name_.try_emplace(lane);
  if (is_new) known->second = lanes_.insert(lanes_.end(), Lane{.name = lane, .keys = {}});
  auto& keys = known->second->keys;
  where_.emplace(key, Where{.lane = known->second, .key = keys.insert(keys.end(), key)});
}

bool Lanes::remove(const std::string& key) {
  const auto place = where_.find(key);
  if (place == where_.end()) return false;
  take_out(place);
  return true;
}

std::string Lanes::pop() {
  const auto lane = lanes_.begin();
  // One that has nothing left goes, and begins behind the others when it is back.
  const bool stays = lane->keys.size() > 1;
  std::string key = take_out(where_.find(lane->keys.front()));
  if (stays && ++lane->given >= most_in_a_turn) {
    lane->given = 0;
    lanes_.splice(lanes_.end(), lanes_, lane);
  }
  return key;
}

std::string Lanes::take_out(std::map<std::string, Where>::iterator place) {
  const auto [lane, at] = place->second;
  std::string key = std::move(*at);
  lane->keys.erase(at);
  where_.erase(place);
  if (lane->keys.empty()) {
    by_name_.erase(lane->name);
    lanes_.erase(lane);
  }
  return key;
}

}  // namespace portcullis::runtime
