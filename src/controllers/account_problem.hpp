#pragma once

#include <string>

#include "base/result.hpp"

namespace portcullis::controllers {

/// Why an account is not Ready: a reason of docs/reference.md, and a sentence for people.
struct AccountProblem {
  std::string reason;
  std::string message;
};

/// The cloud cannot be asked at all, for want of what its credential is made of.
AccountProblem describe_no_provider(const Error& error);

/// The subscription or its NSGs could not be read: who must act depends on what the cloud said, or
/// on who did not ask it.
AccountProblem describe_unread(const Error& error);

}  // namespace portcullis::controllers
