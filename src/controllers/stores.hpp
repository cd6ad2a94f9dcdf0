#pragma once

#include <string>
#include <vector>

#include "kube/store.hpp"
#include "model/account.hpp"
#include "model/policy.hpp"
#include "model/request.hpp"

namespace portcullis::controllers {

/// The API server's objects as the reflectors keep them.
struct Stores {
  Stores();

  kube::Store<model::CloudAccount> accounts;
  kube::Store<model::JitPolicy> policies;
  kube::Store<model::AccessRequest> requests;
  kube::Store<model::AccessDecision> decisions;
  kube::Store<model::AccessVerdict> verdicts;

  bool synced() const { return unsynced().empty(); }
  /// The kinds that no whole list has been read of.
  std::vector<std::string> unsynced() const;
  /// An object that cannot be read may be one that wants a rule.
  bool all_readable() const {
    return accounts.poisoned().empty() && policies.poisoned().empty() &&
           requests.poisoned().empty() && verdicts.poisoned().empty();
  }
};

}  // namespace portcullis::controllers
