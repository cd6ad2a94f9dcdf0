#pragma once

namespace portcullis::plan::reason {

/// Every reason of a condition, a verdict or an Event, in one place. What each means and what to do
/// stands in docs/reference.md; a test holds the two lists against each other.

// Why a request waits.
inline constexpr const char* policy_not_found = "PolicyNotFound";
inline constexpr const char* policy_not_ready = "PolicyNotReady";
inline constexpr const char* approval_required = "ApprovalRequired";
inline constexpr const char* authorization_unknown = "AuthorizationUnknown";
inline constexpr const char* verdict_failed = "VerdictFailed";
inline constexpr const char* clock_skew = "ClockSkew";
inline constexpr const char* scheduled = "Scheduled";
inline constexpr const char* opening = "Opening";
inline constexpr const char* not_decided = "NotDecided";

// Why a request was refused.
inline constexpr const char* requester_unknown = "RequesterUnknown";
inline constexpr const char* service_account_refused = "ServiceAccountRefused";
inline constexpr const char* older_than_policy = "OlderThanPolicy";
inline constexpr const char* timed_out = "TimedOut";
inline constexpr const char* withdrawn = "Withdrawn";
inline constexpr const char* denied_by_people = "DeniedByPeople";
inline constexpr const char* suspended = "Suspended";
inline constexpr const char* frozen = "Frozen";
inline constexpr const char* policy_deleted = "PolicyDeleted";
inline constexpr const char* account_not_found = "AccountNotFound";
inline constexpr const char* namespace_not_allowed = "NamespaceNotAllowed";
inline constexpr const char* target_not_in_policy = "TargetNotInPolicy";
inline constexpr const char* ambiguous_target = "AmbiguousTarget";
inline constexpr const char* ambiguous_address = "AmbiguousAddress";
inline constexpr const char* no_address = "NoAddress";
inline constexpr const char* port_not_in_policy = "PortNotInPolicy";
inline constexpr const char* source_too_broad = "SourceTooBroad";
inline constexpr const char* source_not_allowed = "SourceNotAllowed";
inline constexpr const char* duration_too_long = "DurationTooLong";
inline constexpr const char* reason_required = "ReasonRequired";
inline constexpr const char* reason_not_accepted = "ReasonNotAccepted";
inline constexpr const char* starts_too_late = "StartsTooLate";
inline constexpr const char* limit_exceeded = "LimitExceeded";
inline constexpr const char* not_supported = "NotSupported";
inline constexpr const char* not_authorized = "NotAuthorized";
inline constexpr const char* planned = "Planned";
inline constexpr const char* audit = "Audit";

// Why it was granted.
inline constexpr const char* policy_allows = "PolicyAllows";

// Why a grant is not open, or no longer.
inline constexpr const char* open = "Open";
inline constexpr const char* closing = "Closing";
inline constexpr const char* expired = "Expired";
inline constexpr const char* returned = "Returned";
inline constexpr const char* revoked = "Revoked";
inline constexpr const char* deleted = "Deleted";
inline constexpr const char* policy_changed = "PolicyChanged";
inline constexpr const char* target_changed = "TargetChanged";
inline constexpr const char* shadowed = "Shadowed";
inline constexpr const char* unproven = "Unproven";
inline constexpr const char* out_of_scope = "OutOfScope";
inline constexpr const char* no_free_priority = "NoFreePriority";
inline constexpr const char* no_capacity = "NoCapacity";
inline constexpr const char* cloud_error = "CloudError";
inline constexpr const char* never_opened = "NeverOpened";
inline constexpr const char* overdue = "Overdue";
inline constexpr const char* in_time = "InTime";
inline constexpr const char* not_final = "NotFinal";

// Why a rule that lets nobody in any more stays, and that it does not.
inline constexpr const char* scope_locked = "ScopeLocked";
inline constexpr const char* denied_by_policy = "DeniedByPolicy";
inline constexpr const char* not_permitted = "NotPermitted";
inline constexpr const char* removed = "Removed";

// What others did to rules of ours.
inline constexpr const char* drifted = "Drifted";
inline constexpr const char* rule_widened = "RuleWidened";
inline constexpr const char* rule_edited = "RuleEdited";
inline constexpr const char* rule_removed = "RuleRemoved";
inline constexpr const char* as_written = "AsWritten";
inline constexpr const char* contended = "Contended";

// Rules of ours that nobody owns; see also `ProblemKind`.
inline constexpr const char* no_orphans = "NoOrphans";
inline constexpr const char* orphan_closed = "OrphanClosed";

// Policies and accounts.
inline constexpr const char* ready = "Ready";
inline constexpr const char* locked = "Locked";
inline constexpr const char* locking = "Locking";
inline constexpr const char* unlocking = "Unlocking";
inline constexpr const char* unlocked = "Unlocked";
inline constexpr const char* bypassed = "Bypassed";
inline constexpr const char* unprotected = "Unprotected";
inline constexpr const char* target_not_found = "TargetNotFound";
inline constexpr const char* unsupported = "Unsupported";
inline constexpr const char* nothing_selected = "NothingSelected";
inline constexpr const char* conflict = "Conflict";
inline constexpr const char* no_conflict = "NoConflict";
inline constexpr const char* audited = "Audited";
inline constexpr const char* credential_failed = "CredentialFailed";
inline constexpr const char* throttled = "Throttled";
inline constexpr const char* budget_used_up = "BudgetUsedUp";
inline constexpr const char* guarded = "Guarded";
inline constexpr const char* guard_lost = "GuardLost";
inline constexpr const char* in_use = "InUse";
inline constexpr const char* clocks_agree = "ClocksAgree";

}  // namespace portcullis::plan::reason
