#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>

namespace portcullis::runtime {

/// Keys that wait in lanes, each key at most once. Within a lane they come in the order of arrival.
/// The lanes take turns, in the order in which they began to wait: one gives all that it has, up to
/// `most_in_a_turn`, and then the next. So what belongs together is done together, and whoever asks
/// for a thousand things holds up nobody else's by more than a turn.
class Lanes {
 public:
  static constexpr std::size_t most_in_a_turn = 128;

  /// A key that waits already stays where it is.
  void push(const std::string& key, const std::string& lane);

  /// False: it did not wait.
  bool remove(const std::string& key);

  /// The next; there must be one.
  std::string pop();

  bool empty() const { return where_.empty(); }
  std::size_t size() const { return where_.size(); }

 private:
  struct Lane {
    std::string name;
    std::list<std::string> keys;
    std::size_t given = 0;  ///< in its present turn
  };
  struct Where {
    std::list<Lane>::iterator lane;
    std::list<std::string>::iterator key;
  };

  std::string take_out(std::map<std::string, Where>::iterator place);

  std::list<Lane> lanes_;  ///< in the order of their turns; none is empty
  std::map<std::string, std::list<Lane>::iterator> by_name_;
  std::map<std::string, Where> where_;
};

}  // namespace portcullis::runtime
