#include <algorithm>

#include "cloud/gather.hpp"
#include "controllers/world.hpp"

namespace portcullis::controllers {
namespace {

/// Machines that are read side by side: whoever is free takes the next one.
struct Readings {
  World& world;
  std::string account;
  std::vector<std::string> ids;
  Duration max_age;
  std::vector<Result<Done>> results;
  std::size_t next = 0;
  std::optional<Error> down{};  ///< the cloud did not answer
};

bool no_answer(const Error& error) {
  return error.kind == Error::Kind::timeout || error.kind == Error::Kind::unavailable;
}

Task<Done> read_some(Readings& readings) {
  while (readings.next < readings.ids.size()) {
    const std::size_t at = readings.next++;
    const std::string id = readings.ids[at];
    // What is known needs nobody's answer.
    if (readings.down && !readings.world.is_known(id, readings.max_age)) {
      readings.results[at] = fail(*readings.down);
      continue;
    }
    auto read = co_await readings.world.refresh_machine(readings.account, id, readings.max_age);
    if (!read && no_answer(read.error())) readings.down = read.error();
    readings.results[at] = std::move(read);
  }
  co_return Done{};
}

}  // namespace

Task<std::vector<Result<Done>>> World::refresh_machines(std::string account,
                                                        std::vector<std::string> ids,
                                                        Duration max_age) {
  constexpr std::size_t side_by_side = 4;
  const std::size_t count = ids.size();
  Readings readings{.world = *this,
                    .account = std::move(account),
                    .ids = std::move(ids),
                    .max_age = max_age,
                    .results = std::vector<Result<Done>>(count, Done{})};
  if (count == 1) {
    co_await read_some(readings);
  } else if (count > 1) {
    std::vector<Task<Done>> readers;
    readers.reserve(side_by_side);
    for (std::size_t i = 0; i < std::min(side_by_side, count); ++i) {
      readers.push_back(read_some(readings));
    }
    co_await cloud::gather(std::move(readers));
  }
  co_return std::move(readings.results);
}

}  // namespace portcullis::controllers
