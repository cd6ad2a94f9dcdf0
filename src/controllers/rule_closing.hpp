#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cloud/provider.hpp"

namespace portcullis::controllers {

struct Closing {
  /// Why the rule could not be removed: it was made inert instead. Nothing: it was removed.
  std::optional<Error> left_inert{};
};

/// Takes a rule of ours away, as far as the cloud lets us: where an allow may not be deleted
/// (`locked`, `forbidden`), it is overwritten so that it lets nobody in (`plan::make_inert`), and
/// that is a success, too. With `denies` a deny is treated likewise: its port is open then. One
/// that is inert already, and in force, keeps the refusal. Only a new reading of the group proves
/// what came of it. May be repeated.
///
/// That takes two writes, and each may take as long as a write may: `may_go_on` is asked before the
/// second; `cancelled` if it says no.
Task<Result<Closing>> close_rule(cloud::Provider* provider, std::string group,
                                 model::SecurityRule rule, std::function<bool()> may_go_on,
                                 bool denies = false, cloud::Work work = cloud::Work::closing);

}  // namespace portcullis::controllers
