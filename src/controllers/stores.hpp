#pragma once

#include <string>
#include <vector>

#include "kube/store.hpp"
#include "model/account.hpp"
#include "model/policy.hpp"
#include "model/request.hpp"
#include "plan/words.hpp"

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

/// Why the object of that key cannot be understood; empty: it can, or is not there.
template <typename T>
std::string why_unreadable(const kube::Store<T>& store, const std::string& key) {
  const Error* error = store.why_poisoned(key);
  return error == nullptr ? "" : error->message;
}

/// "does not exist" or "is there and cannot be understood: …", of what the store does not show.
template <typename T>
std::string why_missing(const kube::Store<T>& store, const std::string& key) {
  const std::string why = why_unreadable(store, key);
  return why.empty() ? "does not exist" : plan::not_understood(why);
}

}  // namespace portcullis::controllers
