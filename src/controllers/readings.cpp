#include <algorithm>

#include "cloud/gather.hpp"
#include "controllers/standing.hpp"
#include "controllers/world.hpp"
#include "model/resource_id.hpp"

namespace portcullis::controllers {
namespace {

/// Machines that are read side by side: whoever is free takes the next one.
struct Readings {
  World& world;
  std::string account;
  std::vector<std::string> ids;
  Duration max_age;
  bool may_stand;  ///< what the lists confirm need not be read
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
    const bool by_lists =
        readings.may_stand && readings.world.inventories.contains(readings.account);
    if (by_lists && machine_stands(readings.world, readings.account, model::resource_key(id))) {
      continue;
    }
    // However young a reading is that the lists have overtaken, it is made again.
    const Duration max_age = by_lists ? Duration(0) : readings.max_age;
    // What is known needs nobody's answer.
    if (readings.down && !readings.world.is_known(id, max_age)) {
      readings.results[at] = fail(*readings.down);
      continue;
    }
    auto read = co_await readings.world.refresh_machine(readings.account, id, max_age);
    if (!read && no_answer(read.error())) readings.down = read.error();
    readings.results[at] = std::move(read);
  }
  co_return Done{};
}

Task<std::vector<Result<Done>>> read_all(World& world, std::string account,
                                         std::vector<std::string> ids, Duration max_age,
                                         bool may_stand) {
  constexpr std::size_t side_by_side = 4;
  const std::size_t count = ids.size();
  Readings readings{.world = world,
                    .account = std::move(account),
                    .ids = std::move(ids),
                    .max_age = max_age,
                    .may_stand = may_stand,
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

}  // namespace

Task<std::vector<Result<Done>>> World::refresh_machines(std::string account,
                                                        std::vector<std::string> ids,
                                                        Duration max_age) {
  return read_all(*this, std::move(account), std::move(ids), max_age, false);
}

Task<std::vector<Result<Done>>> World::refresh_standing(std::string account,
                                                        std::vector<std::string> ids,
                                                        Duration max_age) {
  return read_all(*this, std::move(account), std::move(ids), max_age, true);
}

}  // namespace portcullis::controllers
