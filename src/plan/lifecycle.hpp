#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/account.hpp"
#include "model/policy.hpp"
#include "model/request.hpp"

namespace portcullis::plan {

/// Whether a verdict is ours to obey: stamped with the operator's own user name, and named after
/// the one request that it is about. Any other is no verdict at all.
bool counts(const model::AccessVerdict& verdict, std::string_view operator_name);

/// E(g): the most that a grant can be, a pure function of data that the API server stamped.
TimePoint starts_at(const model::AccessVerdict& verdict);
TimePoint ends_at(const model::AccessVerdict& verdict);

/// What the grant stands on, as it is now. A null pointer means "known not to be there".
struct Surroundings {
  const model::AccessRequest* request = nullptr;
  const model::JitPolicy* policy = nullptr;
  const model::CloudAccount* account = nullptr;
  std::string revoked_by{};  ///< who filed a Revoke decision; empty: nobody
  std::string revoked_why{};
  std::string unselected{};      ///< a machine of the grant whose tags no selector fits any more
  bool request_readable = true;  ///< false: there, but not understood; it then ends nothing
  bool policy_readable = true;
  bool account_readable = true;
};

/// Why a grant ends before its time, or nothing. Whatever it says once is for good: the caller
/// writes it into the verdict, and closes without waiting for that.
std::optional<model::AccessVerdict::End> ends_early(const model::AccessVerdict& verdict,
                                                    const Surroundings& around, TimePoint now);

/// Whether packets may pass for it now.
bool is_live(const model::AccessVerdict& verdict, const Surroundings& around, TimePoint now);

}  // namespace portcullis::plan
