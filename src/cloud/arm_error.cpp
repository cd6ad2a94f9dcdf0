#include "cloud/arm_error.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "cloud/excerpt.hpp"
#include "cloud/retry_after.hpp"
#include "model/resource_id.hpp"

namespace portcullis::cloud {
namespace {

using Kind = Error::Kind;

// Room for two ids: what was asked for, and the lock or policy that is in its way.
constexpr std::size_t longest_message = 600;
constexpr std::size_t longest_page = 120;

/// Codes that say more than the HTTP status, in lower case. A fault may hold several: the order
/// here decides.
constexpr auto known_codes = std::to_array<std::pair<std::string_view, Kind>>({
    {"scopelocked", Kind::locked},
    {"requestdisallowedbypolicy", Kind::locked},
    {"denyassignmentauthorizationfailed", Kind::locked},
    {"readonlydisabledsubscription", Kind::locked},
    {"retryableerrorduetoanotheroperation", Kind::busy},
    {"anotheroperationinprogress", Kind::busy},
    {"referencedresourcenotprovisioned", Kind::busy},
    {"conflictingconcurrentwritenotallowed", Kind::busy},
    {"canceledandsupersededduetoanotheroperation", Kind::conflict},
    {"securityruleconflict", Kind::conflict},
    {"preconditionfailed", Kind::conflict},
    {"preconditionfailedetagmismatch", Kind::conflict},
    {"canceled", Kind::conflict},
    {"conflict", Kind::conflict},
    {"toomanyrequests", Kind::throttled},
    {"subscriptionrequeststhrottled", Kind::throttled},
    {"resourcecollectionrequeststhrottled", Kind::throttled},
    {"retryableerror", Kind::busy},
    {"authorizationfailed", Kind::forbidden},
    {"linkedauthorizationfailed", Kind::forbidden},
    // Answered with 404, and yet no word about the resource.
    {"subscriptionnotfound", Kind::forbidden},
    {"invalidsubscriptionid", Kind::invalid},
    {"invalidresourcetype", Kind::invalid},
    {"invalidresourcenamespace", Kind::invalid},
    {"noregisteredproviderfound", Kind::invalid},
    {"missingsubscriptionregistration", Kind::invalid},
});

struct Verdict {
  Kind kind;
  std::string code;
};

std::optional<Verdict> by_code(const std::vector<std::string>& codes) {
  for (const auto& [known, kind] : known_codes) {
    const auto found = std::ranges::find_if(
        codes, [&](const std::string& code) { return model::ascii_lower(code) == known; });
    if (found != codes.end()) return Verdict{kind, *found};
  }
  return std::nullopt;
}

Kind by_status(int status, bool is_arms_own) {
  switch (status) {
    case 401:
      return Kind::unauthorized;
    case 403:
      return Kind::forbidden;
    case 404:
      return is_arms_own ? Kind::not_found : Kind::unavailable;
    case 408:
      return Kind::unavailable;
    case 412:
      return Kind::conflict;
    case 429:
      return Kind::throttled;
    default:
      break;
  }
  if (status >= 500) return Kind::unavailable;
  return status >= 400 && is_arms_own ? Kind::invalid : Kind::malformed;
}

void collect(json::Element error, ArmFault& fault) {
  if (const auto details = json::array(error, "details"); details) {
    for (const json::Element detail : *details) collect(detail, fault);
  }
  const auto code = json::text(error, "code");
  const auto message = json::text(error, "message");
  if (fault.message.empty() && message) fault.message = *message;
  if (code && !code->empty() && fault.codes.size() < 32) fault.codes.emplace_back(*code);
}

/// A code is quoted in conditions and metrics: nothing but a word, and no endless one.
std::string code_word(std::string_view code, const Secret& token) {
  std::string word;
  for (const char c : excerpt(code, 80, {&token})) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    word += plain ? c : '?';
  }
  return word;
}

}  // namespace

ArmFault read_fault(json::Element error) {
  ArmFault fault;
  collect(json::member(error, "error").value_or(error), fault);
  return fault;
}

Error classify_answer(const net::Response& answer, const std::string& call, const Secret& token,
                      TimePoint now) {
  ArmFault fault;
  if (const auto document = json::Document::parse(answer.body))
    fault = read_fault(document->root());
  if (const auto code = answer.header("x-ms-error-code"); code && !code->empty()) {
    fault.codes.emplace_back(*code);
  }

  Error error;
  error.status = answer.status;
  const bool is_arms_own = !fault.codes.empty();
  const auto verdict = by_code(fault.codes);
  error.kind = verdict ? verdict->kind : by_status(answer.status, is_arms_own);
  error.code = code_word(verdict ? verdict->code : is_arms_own ? fault.codes.front() : "", token);
  if (error.kind == Kind::throttled) error.retry_after = throttle_pause(answer, now);
  if (error.kind == Kind::unavailable) error.retry_after = told_pause(answer, now);

  error.message = call + ": " + std::to_string(answer.status);
  if (!error.code.empty()) error.message += " " + error.code;
  const std::string reason = fault.message.empty()
                                 ? excerpt(answer.body, longest_page, {&token})
                                 : excerpt(fault.message, longest_message, {&token});
  if (!reason.empty()) error.message += ": " + reason;
  return error;
}

Error classify_operation(const ArmFault& fault, const std::string& call, const std::string& status,
                         const Secret& token) {
  Error error;
  error.status = 200;
  const auto verdict = by_code(fault.codes);
  const bool cancelled = model::ascii_lower(status) == "canceled";
  // An unknown reason of a failed operation is taken as one that may pass: the caller reads the
  // group again before anything else.
  error.kind = verdict ? verdict->kind : cancelled ? Kind::conflict : Kind::unavailable;
  error.code = code_word(verdict                ? verdict->code
                         : !fault.codes.empty() ? fault.codes.front()
                                                : status,
                         token);
  error.message = call + ": the operation ended as " + code_word(status, token);
  if (error.code != status) error.message += " (" + error.code + ")";
  const std::string reason = excerpt(fault.message, longest_message, {&token});
  if (!reason.empty()) error.message += ": " + reason;
  return error;
}

}  // namespace portcullis::cloud
