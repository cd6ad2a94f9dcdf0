#include <algorithm>

#include "cloud/gather.hpp"
#include "controllers/standing.hpp"
#include "controllers/world.hpp"
#include "model/resource_id.hpp"
#include "plan/steady_text.hpp"

namespace portcullis::controllers {
namespace {

/// Machines that are read side by side: whoever is free takes the next one.
struct Readings {
  World& world;
  std::string account;
  std::vector<std::string> ids;
  Duration max_age;
  cloud::Work work;
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
    auto read =
        co_await readings.world.refresh_machine(readings.account, id, max_age, readings.work);
    if (!read && no_answer(read.error())) readings.down = read.error();
    readings.results[at] = std::move(read);
  }
  co_return Done{};
}

Task<std::vector<Result<Done>>> read_all(World& world, std::string account,
                                         std::vector<std::string> ids, Duration max_age,
                                         cloud::Work work, bool may_stand) {
  constexpr std::size_t side_by_side = 4;
  const std::size_t count = ids.size();
  Readings readings{.world = world,
                    .account = std::move(account),
                    .ids = std::move(ids),
                    .max_age = max_age,
                    .work = work,
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

Task<Result<Done>> World::refresh_machine(std::string account, std::string id, Duration max_age,
                                          cloud::Work work) {
  const std::string key = model::resource_key(id);
  if (is_known(id, max_age)) co_return Done{};
  if (const auto known = machines.find(key);
      known != machines.end() && known->second.error &&
      clock.now() - known->second.failed_at < failure_counts_for) {
    co_return fail(*known->second.error);
  }
  const auto owner = stores.accounts.find(account);
  if (!owner) co_return fail(Error::Kind::not_found, "account \"" + account + "\" does not exist");
  const auto provider = provider_of(*owner);
  if (!provider) co_return fail(provider.error());
  const std::uint64_t shown = shown_of(*this, account, key);
  const TimePoint asked_at = clock.now();  // what changed while it was read counts as later
  auto read = co_await (*provider)->read_machine(id, work);
  MachineView& view = machines[key];
  if (view.read_at > asked_at) {
    // Whoever asked later was answered sooner, and knows better.
    if (!read) co_return fail(read.error());
    co_return Done{};
  }
  if (!read) {
    view.error = read.error();
    view.error->message = plan::steady_text(read.error().message);
    view.failed_at = clock.now();
    if (read.error().kind == Error::Kind::not_found) note_missing(id, view);
    co_return fail(read.error());
  }
  view.missing_since.reset();
  view.gone = false;
  const auto before = groups_before(id);
  const bool changed = !view.machine || *view.machine != *read;
  view.machine = std::move(*read);
  view.read_at = asked_at;
  view.error.reset();
  note_reading(view, shown);
  // Nothing is wanted yet for a machine that nobody has: whoever reads it to have it marks them.
  if (changed && anybody_has(key)) {
    for (const auto& group : before) mark_group(group, runtime::Workqueue::Urgency::normal);
    for (const auto& group : groups_before(id)) {
      mark_group(group, runtime::Workqueue::Urgency::normal);
    }
  }
  co_return Done{};
}

bool World::anybody_has(const std::string& machine_key) const {
  return !policy_views.having(machine_key).empty() ||
         !verdict_index.on_machine(machine_key).empty();
}

void World::forget_machines() {
  machines.erase_if([&](const auto& one) {
    // Whoever reads it now may be about to need it.
    const TimePoint tried_at = std::max(one.second.read_at, one.second.failed_at);
    return clock.now() - tried_at > unneeded_for && !anybody_has(one.first);
  });
}

bool World::is_known(const std::string& id, Duration max_age) const {
  const auto known = machines.find(model::resource_key(id));
  return known != machines.end() && known->second.machine && !known->second.error &&
         clock.now() - known->second.read_at < max_age;
}

/// One 404 may be a moment of the cloud's; a second one, later, is believed.
void World::note_missing(const std::string& id, MachineView& view) {
  if (!view.missing_since) view.missing_since = clock.now();
  if (view.gone || clock.now() - *view.missing_since < missing_believed_after) return;
  for (const auto& group : groups_before(id))
    mark_group(group, runtime::Workqueue::Urgency::closing);
  view.gone = true;
  view.machine.reset();
}

Task<std::vector<Result<Done>>> World::refresh_machines(std::string account,
                                                        std::vector<std::string> ids,
                                                        Duration max_age) {
  return read_all(*this, std::move(account), std::move(ids), max_age, cloud::Work::opening, false);
}

Task<std::vector<Result<Done>>> World::survey_machines(std::string account,
                                                       std::vector<std::string> ids,
                                                       Survey survey) {
  return read_all(*this, std::move(account), std::move(ids), survey.max_age, survey.work,
                  survey.may_stand);
}

}  // namespace portcullis::controllers
