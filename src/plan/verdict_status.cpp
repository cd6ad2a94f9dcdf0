#include "plan/verdict_status.hpp"

#include <algorithm>

#include "model/condition_types.hpp"
#include "plan/lifecycle.hpp"
#include "plan/reasons.hpp"

namespace portcullis::plan {

model::VerdictStatus describe_verdict(const model::AccessVerdict& verdict,
                                      const std::optional<model::AccessVerdict::End>& early,
                                      const Evidence& evidence, TimePoint ended_at, TimePoint now) {
  const bool late = !evidence.closed && now - ended_at >= overdue_grace;
  std::string message =
      early ? early->message.get() : "its time ended at " + format_rfc3339(ends_at(verdict));
  message += evidence.closed ? "; proven closed" : "; closing";
  if (late && !evidence.message.empty()) message += ": " + evidence.message;
  return {.conditions = {{.type = model::condition_type::overdue,
                          .status = late ? model::Truth::yes : model::Truth::no,
                          .reason = late ? reason::overdue : reason::in_time,
                          .message = std::move(message)}}};
}

bool says_overdue(const model::AccessVerdict& verdict) {
  return std::ranges::any_of(verdict.status->changes, [](const auto& condition) {
    return condition.type == model::condition_type::overdue &&
           condition.status == model::Truth::yes;
  });
}

}  // namespace portcullis::plan
