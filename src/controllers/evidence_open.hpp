#pragma once

#include "controllers/world.hpp"
#include "plan/request_status.hpp"

namespace portcullis::controllers {

/// Whether all that was granted is open now, by the evaluator over the groups as last read; if not,
/// why, in the words of a condition. Fills in the machines' addresses, `open`, reason and message.
void prove_open_everywhere(const World& world, const model::AccessVerdict& verdict,
                           plan::Evidence& evidence);

}  // namespace portcullis::controllers
