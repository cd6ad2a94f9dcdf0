#pragma once

#include <optional>
#include <set>
#include <string>

#include "controllers/policy_report.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "kube/events.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// How a policy that is being deleted goes: first all that was granted under it is proven closed,
/// then its locks are (unless they are to stay) out of force, proven by a read, and then it is let
/// go. What is left is said in its status until then.
class PolicyLeaving {
 public:
  PolicyLeaving(World& world, kube::Client& client, kube::EventSender& events)
      : world_(world), client_(client), events_(events) {}

  /// One pass over it; it has our finalizer and a deletion timestamp.
  Task<Result<runtime::Next>> leave(PolicyPointer policy);

 private:
  Task<void> look_for_grants(PolicyPointer policy);
  bool may_be_open(const model::AccessVerdict& verdict) const;
  TimePoint end_of(const model::AccessVerdict& verdict) const;
  std::optional<std::string> why_not_yet(const model::JitPolicy& policy) const;
  std::set<std::string> where_locks_may_be(const std::string& owner, const PolicyView& view) const;
  std::string what_is_locked(const model::JitPolicy& policy, const PolicyView& view, bool is_first);
  Task<Result<runtime::Next>> say_what_is_left(PolicyPointer policy, std::string left);

  World& world_;
  kube::Client& client_;
  kube::EventSender& events_;
};

}  // namespace portcullis::controllers
