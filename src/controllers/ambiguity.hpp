#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controllers/world.hpp"

namespace portcullis::controllers {

/// A rule in an NSG names addresses, not machines: where two interfaces behind one NSG have the
/// same address, it would open both.

/// When the machines and interfaces of the account were last listed, if lists have failed for long
/// since: until then what is known is hardly older than it may be.
std::optional<TimePoint> unlisted_since(const World& world, const model::CloudAccount& account);

/// The code of what is held up because `addresses_unknown`.
inline constexpr const char* not_listed = "NotListed";

/// Why it cannot be told whose the addresses of the account are; nothing: they were listed,
/// and not too long ago.
std::optional<std::string> addresses_unknown(const World& world,
                                             const model::CloudAccount& account);

/// Looks again at what waited for that: the account's requests, and openings that were held up.
void wake_unlisted(World& world, const model::CloudAccount& account);

/// Names the first address of these machines, of the sources' families, that another interface has,
/// too, behind an NSG that stands before both, as far as lists and readings show.
std::optional<std::string> find_twin(const World& world, const model::CloudAccount& account,
                                     const std::vector<model::Prefix>& sources,
                                     const std::vector<std::string>& machine_ids);

}  // namespace portcullis::controllers
