#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/request.hpp"
#include "model/status.hpp"
#include "plan/decision.hpp"

namespace portcullis::plan {

/// A rule of a closed grant that lets nobody in any more and still stands.
struct LeftRule {
  std::string group{};    ///< id
  std::string rule{};     ///< its name
  std::string reason{};   ///< a reason of CleanupBlocked; empty: removing it was not refused yet
  std::string refused{};  ///< the cloud's words, and who must act
};

/// What the last reads of the cloud prove about one grant.
struct Evidence {
  bool open = false;  ///< all that was granted is proven open
  /// False: too little has been read yet to say anything about the end.
  bool judged = true;
  /// Nor will be by itself: looking failed, or nobody can look. `message` says what has to be
  /// mended.
  bool hindered = false;
  bool closed = false;  ///< nothing of ours lets anybody in for it, read after its end
  /// Nothing of ours ever let anybody in for it, from its start on. False: that is not known.
  bool never_stood = false;
  std::optional<model::DriftNote> drift{};  ///< what others did to its rules
  std::optional<LeftRule> left{};           ///< of what is closed
  std::string reason{};                     ///< why neither, yet
  std::string message{};
  /// Id of the group that a new reading of may bring on, though it is known since the end; empty:
  /// none.
  std::string waits_for{};
  std::vector<model::RequestStatus::Rule> rules{};
  std::vector<model::RequestStatus::Target> targets{};
};

/// A request's states, as users see them (architecture of the API, "States and conditions").
namespace state {
inline constexpr const char* pending = "Pending";
inline constexpr const char* scheduled = "Scheduled";
inline constexpr const char* opening = "Opening";
inline constexpr const char* active = "Active";
inline constexpr const char* closing = "Closing";
inline constexpr const char* expired = "Expired";
inline constexpr const char* revoked = "Revoked";
inline constexpr const char* denied = "Denied";
inline constexpr const char* withdrawn = "Withdrawn";
inline constexpr const char* timed_out = "TimedOut";
inline constexpr const char* failed = "Failed";
inline constexpr const char* planned = "Planned";
}  // namespace state

bool is_final(std::string_view state);

/// Past its end by this much and not proven closed: Overdue.
inline constexpr Duration overdue_grace = std::chrono::seconds(30);

/// The whole status of a request, from data. `verdict` null: undecided, `waiting` says why. `end`
/// is when and why the grant ended early, if it did. Pure; the same data give the same status.
model::RequestStatus describe_request(const model::AccessRequest& request,
                                      const model::AccessVerdict* verdict,
                                      const std::optional<model::AccessVerdict::End>& end,
                                      const Decision& waiting, const Evidence& evidence,
                                      TimePoint now);

}  // namespace portcullis::plan
