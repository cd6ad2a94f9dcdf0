#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/time.hpp"

namespace portcullis {

/// Why an operation failed, in the terms on which callers branch.
struct Error {
  enum class Kind {
    not_found,       ///< the thing named does not exist (to the caller)
    already_exists,  ///< a create met an object of that name
    conflict,        ///< changed meanwhile: read again, plan again
    expired,         ///< the resource version or continuation is gone (410): list again
    busy,            ///< another operation holds the resource: a short wait, no fault of ours
    throttled,       ///< over a budget: wait `retry_after`
    unauthorized,    ///< the credential was not accepted
    forbidden,       ///< the credential may not do this
    locked,          ///< a lock or policy of the owner forbids it, whoever asks
    invalid,         ///< refused for its content; the same call will be refused again
    unsupported,     ///< the other side does not know this operation or parameter
    unavailable,     ///< no answer, or one that says "later"
    timeout,         ///< the deadline passed; the call may have had its effect
    cancelled,       ///< we are stopping
    malformed,       ///< the answer could not be understood
  };

  Kind kind = Kind::unavailable;
  std::string message;                    ///< for people; holds no secret
  std::string code{};                     ///< the other side's own word ("ScopeLocked"), if any
  int status = 0;                         ///< HTTP status, 0 when there was no answer
  std::optional<Duration> retry_after{};  ///< set when the server told us
};

/// The kind's name as it stands in logs and metrics: "not_found", …
const char* to_string(Error::Kind kind);

/// A value or an Error. `return Error{…}` is spelled `return fail(Error{…})`.
template <typename T>
using Result = tl::expected<T, Error>;

/// Success without a value: `Result<Done>`.
struct Done {};

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> fail(Error::Kind kind, std::string message) {
  return tl::unexpected<Error>(Error{.kind = kind, .message = std::move(message)});
}

}  // namespace portcullis
