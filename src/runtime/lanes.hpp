#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory_resource>
#include <string>
#include <string_view>

namespace portcullis::runtime {

/// Keys that wait in lanes, each key at most once. Within a lane they come in the order of arrival.
/// The lanes take turns, in the order in which they began to wait: one gives all that it has, up to
/// `most_in_a_turn`, and then the next. So what belongs together is done together, and whoever asks
/// for a thousand things holds up nobody else's by more than a turn.
///
/// All that is kept waits here when the process starts, while it is looked at much comes to stay,
/// and then nothing waits any more. So this has memory of its own, which goes back as a whole.
class Lanes {
 public:
  static constexpr std::size_t most_in_a_turn = 128;

  /// A key that waits already stays where it is.
  void push(std::string_view key, const std::string& lane);

  /// False: it did not wait.
  bool remove(std::string_view key);

  /// The next; there must be one.
  std::string pop();

  bool contains(std::string_view key) const { return where_.contains(key); }
  bool empty() const { return where_.empty(); }
  std::size_t size() const { return where_.size(); }

 private:
  using Keys = std::pmr::list<const std::pmr::string*>;  ///< each is one of `where_`
  struct Lane {
    std::string name;
    Keys keys;
    std::size_t given = 0;  ///< in its present turn
  };
  struct Where {
    std::list<Lane>::iterator lane;
    Keys::iterator key;
  };
  using Places = std::pmr::map<std::pmr::string, Where, std::less<>>;

  std::string take_out(Places::iterator place);

  // Chunks that are large enough to lie apart from the heap (see base/memory.hpp).
  std::pmr::unsynchronized_pool_resource memory_{
      std::pmr::pool_options{.max_blocks_per_chunk = 4096, .largest_required_pool_block = 256}};
  std::size_t most_ = 0;   ///< that waited at once since the memory went back
  std::list<Lane> lanes_;  ///< in the order of their turns; none is empty
  std::map<std::string, std::list<Lane>::iterator> by_name_;
  Places where_{&memory_};
};

}  // namespace portcullis::runtime
