#pragma once

#include <optional>
#include <string>

#include "kube/client.hpp"

namespace portcullis::controllers {

/// What the next operator has to know of the admission objects: which edits of them this one saw,
/// and from when on requests were guarded. It stands in annotations of the Lease
/// "portcullis-guards" in the operator's namespace, which nobody else may write. Objects of another
/// fingerprint were edited while nobody looked; an empty one says that the guards did not hold.
struct GuardRecord {
  std::string fingerprint{};
  TimePoint trusted_from{};  ///< whole seconds

  bool operator==(const GuardRecord&) const = default;
};

/// Nothing: there is none, or none that can be understood.
Task<Result<std::optional<GuardRecord>>> load_guard_record(kube::Client& client, std::string ns);

/// Creates or overwrites it. May be repeated.
Task<Result<Done>> store_guard_record(kube::Client& client, std::string ns, GuardRecord record);

}  // namespace portcullis::controllers
