#pragma once

#include <string>

#include "cloud/provider.hpp"

namespace portcullis::controllers {

/// Takes a rule of ours away, as far as the cloud lets us: where an allow may not be deleted
/// (`locked`, `forbidden`), it is overwritten so that it lets nobody in (`plan::make_inert`), and
/// that is a success, too. One that is inert already, or no allow, keeps the refusal. Only a new
/// reading of the group proves what came of it. May be repeated.
Task<Result<Done>> close_rule(cloud::Provider* provider, std::string group,
                              model::SecurityRule rule, cloud::Work work = cloud::Work::closing);

}  // namespace portcullis::controllers
