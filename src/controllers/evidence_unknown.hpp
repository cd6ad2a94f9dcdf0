#pragma once

#include <optional>
#include <string>

#include "controllers/world.hpp"

namespace portcullis::controllers {

struct Unknown {
  std::string message;
  bool hindered = true;  ///< somebody has to act; false: it is about to be looked at
  std::string group{};   ///< id of the group that it is about and that can be read; empty: none
};

/// What has to be known before "closed" can be said of a grant, wherever its rules may be, and is
/// not: its account is there, all groups with rules of ours and its machines were read, and no rule
/// that is named like ours and lets its sources in has lost its mark. Nothing: all is known.
std::optional<Unknown> what_is_unknown(const World& world, const model::AccessVerdict& verdict);

}  // namespace portcullis::controllers
