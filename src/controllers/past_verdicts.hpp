#pragma once

#include <optional>

#include "controllers/grants.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "kube/events.hpp"
#include "plan/request_status.hpp"

namespace portcullis::controllers {

/// Verdicts whose requests cannot tell how they stand: they are gone, or cannot be read. What keeps
/// such a grant from being proven closed the verdict says itself (`Overdue`) once it is late. Of
/// one that was over before this process began nothing is said unless it has to go, or it was said
/// before: its request went because it was proven closed.

/// When a grant was over, and why if that was before its time.
struct Over {
  TimePoint at{};
  std::optional<model::AccessVerdict::End> early{};
};

/// A verdict whose request is there, but cannot be read: what is granted stays, and closes when it
/// ends by its time or by something else; neither the verdict nor its request is let go.
Task<Result<Done>> watch_over(World& world, kube::Client& client, kube::EventSender& events,
                              VerdictPointer verdict);

/// A verdict whose request is gone, or one that is being deleted and does not count: its grant
/// ends, it stays as the record until `retainFor` unless it is deleted, and goes when its grant is
/// proven closed, whoever granted it.
Task<Result<Done>> tend_past_verdict(World& world, kube::Client& client, kube::EventSender& events,
                                     VerdictPointer verdict);

/// Writes what the evidence says into the verdict's status; it `has_to_go` if somebody waits for
/// that. May be repeated: what stands there already is not written again.
Task<Result<Done>> tell_end(World& world, kube::Client& client, kube::EventSender& events,
                            VerdictPointer verdict, Over over, plan::Evidence evidence,
                            bool has_to_go);

}  // namespace portcullis::controllers
