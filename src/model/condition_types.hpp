#pragma once

namespace portcullis::model::condition_type {

/// Every type of a condition, in one place. What each means and what to do stands in
/// docs/reference.md; a test holds the two lists against each other.

// Of requests, policies and accounts.
inline constexpr const char* ready = "Ready";

// Of requests.
inline constexpr const char* approved = "Approved";
inline constexpr const char* settled = "Settled";
inline constexpr const char* complete = "Complete";
inline constexpr const char* overdue = "Overdue";
inline constexpr const char* drifted = "Drifted";
inline constexpr const char* cleanup_blocked = "CleanupBlocked";

// Of policies.
inline constexpr const char* locked = "Locked";
inline constexpr const char* conflict = "Conflict";

// Of accounts.
inline constexpr const char* orphans = "Orphans";
inline constexpr const char* clock_skewed = "ClockSkewed";
inline constexpr const char* admission_guarded = "AdmissionGuarded";

}  // namespace portcullis::model::condition_type
