#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "controllers/world.hpp"
#include "runtime/reconciler.hpp"

namespace portcullis::controllers {

/// Lists what an account's subscription has, and finds by it what has to be read directly: machines
/// that a selector may pick, machines of policies that the lists show otherwise than before, and
/// groups whose etag is another. It only ever adds readings: whether a machine is a policy's, and
/// what its ways are, direct readings say.
class InventoryReconciler final : public runtime::Reconciler {
 public:
  /// Up to so many groups of an account are read one by one each minute; with more, one list tells
  /// which of them changed.
  static constexpr std::size_t most_groups_read = 200;

  InventoryReconciler(World& world, Duration period,
                      std::size_t groups_read_directly = most_groups_read);

  /// `key` is an account's name. Idle as long as no policy refers to it.
  Task<Result<runtime::Next>> reconcile(std::string key) override;

 private:
  using AccountPointer = kube::Store<model::CloudAccount>::Pointer;
  using Policies = std::vector<kube::Store<model::JitPolicy>::Pointer>;

  Policies policies_of(const std::string& account) const;
  bool is_due(const std::string& account, const Policies& policies) const;
  TimePoint next_list(const std::string& account) const;
  TimePoint groups_due(const std::string& account) const;
  Task<Result<Done>> list_machines(cloud::Provider* provider, AccountPointer account,
                                   Policies policies);
  void note_inventory(const model::CloudAccount& account, const Policies& policies,
                      model::Inventory inventory, TimePoint began);
  void note_selections(const model::CloudAccount& account, const Policies& asked);
  void wake_policies(const std::string& account, const Policies& policies);

  std::size_t count_groups(const model::CloudAccount& account) const;
  Task<Result<Done>> list_groups(cloud::Provider* provider, std::string account);
  void note_group(GroupView& view, const cloud::ListedGroup& listed, TimePoint before,
                  TimePoint began);

  World& world_;
  Duration period_;  ///< what comes is locked within that time
  std::size_t groups_read_directly_;
};

}  // namespace portcullis::controllers
