#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controllers/grant_check.hpp"
#include "controllers/rule_closing.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"

namespace portcullis::controllers {

/// Carries out what was planned for a group, rule by rule, as far as it may: what relies on a write
/// that failed is left, what came up meanwhile stops the rest, and right before packets are let in
/// the API server is asked once more. What the cloud answers proves nothing: whoever calls reads
/// the group again.
class GroupWriter {
 public:
  /// Whether writes may be sent now (the lease outlives them). Removing what is past its own end
  /// needs no leave.
  using MayWrite = std::function<bool()>;

  GroupWriter(World& world, kube::Client& client, MayWrite may_write);

  /// The error is the worst that concerns more than one rule, or a conflict; what concerns one rule
  /// alone is kept with the group (`group_attempts.hpp`).
  struct CarriedOut {
    Result<Done> outcome;
    bool sent = false;  ///< a write may have reached the cloud
  };
  Task<CarriedOut> carry_out(cloud::Provider* provider, std::string key,
                             std::vector<plan::Change> changes);

 private:
  Task<Result<Closing>> apply(cloud::Provider* provider, std::string group, plan::Change change,
                              cloud::Work work);
  bool await_readings(const std::string& key, const plan::Change& change);
  using PolicyPointer = std::shared_ptr<const model::JitPolicy>;

  PolicyPointer policy_of(const std::string& owner) const;
  Task<Result<Done>> may_let_in(std::string group, plan::Change change, PolicyPointer planned_by,
                                TimeToAsk time);
  Task<Result<Done>> may_open(std::string group, plan::Change change, TimeToAsk time);
  bool goes_to_their_machines(const plan::Change& change) const;
  std::optional<Error> find_others(const model::CloudAccount& account,
                                   const plan::Change& change) const;
  bool is_past_its_end(const plan::Change& change) const;

  World& world_;
  kube::Client& client_;
  MayWrite may_write_;
};

}  // namespace portcullis::controllers
