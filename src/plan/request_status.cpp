#include "plan/request_status.hpp"

#include <algorithm>
#include <array>

#include "model/condition_types.hpp"
#include "model/resource_id.hpp"
#include "plan/lifecycle.hpp"
#include "plan/reasons.hpp"
#include "plan/words.hpp"

namespace portcullis::plan {
namespace {

using model::Condition;
using model::RequestStatus;
using model::Truth;
namespace condition_type = model::condition_type;

Condition condition(const char* type, Truth status, std::string why, std::string message) {
  return {.type = type, .status = status, .reason = std::move(why), .message = std::move(message)};
}

const char* refused_state(const std::string& why) {
  if (why == reason::timed_out) return state::timed_out;
  if (why == reason::withdrawn) return state::withdrawn;
  if (why == reason::planned || why == reason::audit) return state::planned;
  return state::denied;
}

/// "22/TCP on 198.51.100.10 (10.1.0.4)": what the engineer types next.
std::string where(const model::AccessVerdict& verdict, const Evidence& evidence) {
  std::vector<std::string> ports;
  ports.reserve(verdict.ports->size());
  for (const auto& port : verdict.ports) ports.push_back(words(port));
  std::vector<std::string> addresses;
  for (const auto& target : evidence.targets) {
    for (const auto& address : target.addresses) addresses.push_back(address);
  }
  return join(ports) + " on " + join(addresses);
}

struct Outline {
  std::string state;
  std::string why;  ///< reason of Ready (and of Complete when final)
  std::string message;
};

Outline outline_granted(const model::AccessRequest& request, const model::AccessVerdict& verdict,
                        const std::optional<model::AccessVerdict::End>& end,
                        const Evidence& evidence, TimePoint now) {
  const TimePoint from = starts_at(verdict);
  const TimePoint until = ends_at(verdict);
  if (!end && now < until) {
    if (now < from) {
      return {state::scheduled, reason::scheduled, "opens at " + format_rfc3339(from)};
    }
    if (evidence.open) {
      return {state::active, reason::open,
              "open until " + format_rfc3339(until) + ": connect to " + where(verdict, evidence) +
                  " from " + list_prefixes(verdict.sources)};
    }
    return {state::opening, evidence.reason.empty() ? reason::opening : evidence.reason,
            evidence.message.empty() ? "the rules are being written" : evidence.message};
  }
  const std::string why = end ? end->reason : reason::expired;
  const std::string cause = end ? end->message.get() : "its time ended at " + format_rfc3339(until);
  if (!evidence.closed) {
    return {
        state::closing, reason::closing,
        cause + "; closing" + (evidence.message.empty() ? std::string() : ": " + evidence.message)};
  }
  if (end) return {state::revoked, why, cause + "; proven closed"};
  if (!request.status.opened_at) {
    return {state::failed, reason::never_opened,
            evidence.never_stood
                ? "no rule was ever written for it, and nothing is left open: see the Events"
                : "it was never proven open; a rule may have stood. Nothing is left open"};
  }
  return {state::expired, why, cause + "; proven closed"};
}

/// Only where a rule had to be left, or had to be once: who looks later sees that it went.
std::optional<Condition> describe_cleanup(const model::SeenStatus& seen, const Evidence& evidence) {
  const auto before = std::ranges::find(seen.changes, condition_type::cleanup_blocked,
                                        &model::SeenStatus::Change::type);
  const bool told = before != seen.changes.end();
  const auto& left = evidence.left;
  if (left && !left->refused.empty()) {
    return condition(condition_type::cleanup_blocked, Truth::yes, left->reason,
                     "rule \"" + left->rule + "\" in NSG \"" + model::short_name(left->group) +
                         "\" lets nobody in any more, but cannot be deleted: " + left->refused +
                         ". It is tried again until then");
  }
  if (!told) return std::nullopt;
  if (left && before->status == Truth::yes) {
    return condition(condition_type::cleanup_blocked, Truth::yes, reason::closing,
                     "rule \"" + left->rule + "\" in NSG \"" + model::short_name(left->group) +
                         "\" lets nobody in any more, and is about to be deleted");
  }
  return condition(condition_type::cleanup_blocked, Truth::no, reason::removed,
                   "no rule of it is left in the cloud");
}

}  // namespace

bool is_final(std::string_view which) {
  constexpr std::array<std::string_view, 7> final_states = {
      state::expired,   state::revoked, state::denied, state::withdrawn,
      state::timed_out, state::failed,  state::planned};
  return std::ranges::find(final_states, which) != final_states.end();
}

RequestStatus describe_request(const model::AccessRequest& request,
                               const model::AccessVerdict* verdict,
                               const std::optional<model::AccessVerdict::End>& end,
                               const Decision& waiting, const Evidence& evidence, TimePoint now) {
  RequestStatus status;
  Outline outline;
  if (verdict == nullptr) {
    outline = {state::pending, waiting.reason, waiting.message};
  } else if (!verdict->granted) {
    outline = {refused_state(verdict->reason), verdict->reason, verdict->message};
  } else {
    outline = outline_granted(request, *verdict, end, evidence, now);
  }
  status.state = outline.state;
  status.message = outline.message;

  const bool final = is_final(status.state);
  const bool open = status.state == state::active;
  if (verdict == nullptr) {
    status.conditions.push_back(
        condition(condition_type::approved, Truth::unknown, reason::not_decided, waiting.message));
  } else {
    status.conditions.push_back(condition(condition_type::approved,
                                          verdict->granted ? Truth::yes : Truth::no,
                                          verdict->reason, verdict->message));
  }
  status.conditions.push_back(condition(condition_type::ready, open ? Truth::yes : Truth::no,
                                        outline.why, outline.message));
  status.conditions.push_back(condition(condition_type::settled,
                                        open || final ? Truth::yes : Truth::no, outline.why,
                                        "state is " + status.state));
  status.conditions.push_back(condition(condition_type::complete, final ? Truth::yes : Truth::no,
                                        final ? outline.why.c_str() : reason::not_final,
                                        "state is " + status.state));
  if (verdict == nullptr) return status;

  status.verdict_name = verdict->meta.name;
  status.verdict_outcome = verdict->granted ? "Granted" : "Refused";
  status.verdict_reason = verdict->reason;
  if (!verdict->granted) return status;

  status.granted_at = verdict->meta.created;
  status.starts_at = starts_at(*verdict);
  status.expires_at = ends_at(*verdict);
  status.opened_at = request.status.opened_at;
  if (open && !status.opened_at) status.opened_at = now;
  if (end) {
    status.ended_at = end->at;
  } else if (now >= ends_at(*verdict)) {
    status.ended_at = ends_at(*verdict);
  }
  if (final) status.closed_at = request.status.closed_at.value_or(now);
  status.targets = evidence.targets;
  if (!final) status.rules = evidence.rules;

  const bool late = status.state == state::closing && now - *status.ended_at >= overdue_grace;
  status.conditions.push_back(condition(condition_type::overdue, late ? Truth::yes : Truth::no,
                                        late ? reason::overdue : reason::in_time,
                                        late ? outline.message : "closes in time"));
  // Once true it stays: whoever looks later shall know.
  status.conditions.push_back(
      condition(condition_type::drifted, evidence.drift ? Truth::yes : Truth::no,
                evidence.drift ? evidence.drift->reason : reason::as_written,
                evidence.drift ? evidence.drift->message : "nobody else changed its rules"));
  if (auto cleanup = describe_cleanup(request.status, evidence)) {
    status.conditions.push_back(std::move(*cleanup));
  }
  return status;
}

}  // namespace portcullis::plan
