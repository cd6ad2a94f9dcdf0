#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "cloud/json.hpp"
#include "net/http.hpp"

namespace portcullis::cloud {

/// What ARM says when it refuses: {"error": {"code", "message", "details": [{"code", …}]}}.
struct ArmFault {
  std::vector<std::string> codes;  ///< innermost first: details tell more than "RetryableError"
  std::string message;             ///< of the innermost code, unbounded, as sent
};

/// Reads the value of an "error" member, or a body that is one. No codes if it is none.
ArmFault read_fault(json::Element error);

/// Why a call did not succeed: its code, wherever it stands, else its HTTP status. `busy` for locks
/// of another operation, `throttled` for budgets (with `retry_after`), `conflict` for what wants a
/// new reading, `locked` for locks and policies of the owner, `not_found` only for a 404 that is
/// ARM's own (a proxy's 404 proves nothing). `call` begins the message; `token` is never in it.
Error classify_answer(const net::Response& answer, const std::string& call, const Secret& token,
                      TimePoint now);

/// Why an accepted operation failed, as its status says (HTTP was 200).
Error classify_operation(const ArmFault& fault, const std::string& call, const std::string& status,
                         const Secret& token);

}  // namespace portcullis::cloud
