#pragma once

#include <vector>

#include "model/account.hpp"
#include "plan/proposals.hpp"

namespace portcullis::plan {

/// Gives every target a priority: the one its rule has if that lies in the band and is its alone,
/// else a free one. Every keep stands before every lock; where somebody moved rules so that they do
/// not, as few as possible move. A target for which nothing is free gets priority 0.
void place(std::vector<Proposal>& proposals, const model::SecurityGroup& actual,
           const model::Bands& bands);

}  // namespace portcullis::plan
