#pragma once

#include <functional>
#include <string>

#include "cloud/provider.hpp"

namespace portcullis::controllers {

/// Takes a rule of ours away, as far as the cloud lets us: where an allow may not be deleted
/// (`locked`, `forbidden`), it is overwritten so that it lets nobody in (`plan::make_inert`), and
/// that is a success, too. One that is inert already, or no allow, keeps the refusal. Only a new
/// reading of the group proves what came of it. May be repeated.
///
/// That takes two writes, and each may take as long as a write may: `may_go_on` is asked before the
/// second; `cancelled` if it says no.
Task<Result<Done>> close_rule(cloud::Provider* provider, std::string group,
                              model::SecurityRule rule, std::function<bool()> may_go_on);

}  // namespace portcullis::controllers
