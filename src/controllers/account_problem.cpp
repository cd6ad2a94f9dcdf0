#include "controllers/account_problem.hpp"

#include "cloud/work.hpp"
#include "plan/reasons.hpp"
#include "plan/steady_text.hpp"

namespace portcullis::controllers {

AccountProblem describe_no_provider(const Error& error) {
  return {.reason = plan::reason::credential_failed, .message = plan::steady_text(error.message)};
}

AccountProblem describe_unread(const Error& error) {
  const std::string said = plan::steady_text(error.message);
  switch (error.kind) {
    case Error::Kind::unauthorized:
      return {.reason = plan::reason::credential_failed, .message = said};
    case Error::Kind::forbidden:
      return {.reason = plan::reason::not_permitted,
              .message = "the operator's identity lacks a right in the subscription: " + said};
    case Error::Kind::throttled:
      if (error.code == cloud::budget_used_up) {
        return {.reason = plan::reason::budget_used_up,
                .message =
                    "the reads that the operator allows itself are used up, so the "
                    "subscription is read later: " +
                    said};
      }
      return {.reason = plan::reason::throttled,
              .message = "the cloud throttles calls, so the subscription is read later: " + said};
    default:
      return {.reason = plan::reason::cloud_error,
              .message = "the cloud does not answer as it should: " + said};
  }
}

}  // namespace portcullis::controllers
