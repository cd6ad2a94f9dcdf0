#pragma once

#include <optional>

#include "controllers/authorization.hpp"
#include "controllers/grants.hpp"
#include "controllers/world.hpp"
#include "kube/events.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// Follows a decided request: ends its grant early where what it stands on changed, has its groups
/// looked at, reports what they prove, and removes it when its time as a record is over. Writes
/// nothing to the cloud: it marks groups.
class GrantFollower {
 public:
  GrantFollower(World& world, kube::Client& client, kube::EventSender& events);

  Task<Result<runtime::Next>> follow(RequestPointer request, VerdictPointer verdict);

 private:
  using End = std::optional<model::AccessVerdict::End>;

  Task<Result<End>> find_end(RequestPointer request, VerdictPointer verdict);
  Task<Result<End>> clear_start(RequestPointer request, VerdictPointer verdict);
  Task<Result<runtime::Next>> keep(RequestPointer request, VerdictPointer verdict, End end);
  runtime::Next next_look(const model::AccessVerdict& verdict, bool over) const;

  World& world_;
  kube::Client& client_;
  kube::EventSender& events_;
};

}  // namespace portcullis::controllers
