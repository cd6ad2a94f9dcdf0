#pragma once

#include <string>

#include "base/result.hpp"

namespace portcullis::controllers {

/// What people have to know about a write that the cloud refuses for good: `locked` and
/// `forbidden` errors. Pure.

/// Reason of a condition: `ScopeLocked`, `DeniedByPolicy` or `NotPermitted`.
const char* refusal_reason(const Error& refused);

/// "whoever set the management lock has to remove it": who must act; empty where it is not known.
std::string who_must_act(const Error& refused);

/// The cloud's words, which name the lock, policy or right, and who must act; the same each time
/// for the same refusal.
std::string words(const Error& refused);

}  // namespace portcullis::controllers
