#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "controllers/key_index.hpp"
#include "model/request.hpp"

namespace portcullis::controllers {

/// Verdicts by what they are asked for: all that was ever decided must not be looked through in
/// each pass. What is shown is what `change` was told, and `change` is told whatever the store
/// tells.
class VerdictIndex {
 public:
  using Pointer = std::shared_ptr<const model::AccessVerdict>;
  /// By the time that their grants end at the latest, and by their keys.
  using ByEnd = std::map<std::pair<TimePoint, std::string>, Pointer>;

  /// A verdict came (no `before`), changed, was made anew under its name, or went (no `after`).
  void change(const std::string& key, const Pointer& before, const Pointer& after);

  /// The one with this uid, or null.
  Pointer find(const std::string& uid) const;

  /// Keys of those about requests of that key ("namespace/name"), present and past ones.
  const KeyIndex::Keys& about(const std::string& request_key) const {
    return about_.of(request_key);
  }

  /// The grants, those that are over included: under a policy, by its uid; with a machine, by its
  /// resource_key; all.
  const ByEnd& of_policy(const std::string& policy_uid) const {
    return find(policies_, policy_uid);
  }
  const ByEnd& on_machine(const std::string& machine_key) const {
    return find(machines_, machine_key);
  }
  const ByEnd& grants() const { return grants_; }

  /// Those of them that end after that time, or in the minute that is over then.
  static ByEnd::const_iterator ending_after(const ByEnd& grants, TimePoint time) {
    return grants.upper_bound({time, last_key});
  }
  std::pair<ByEnd::const_iterator, ByEnd::const_iterator> ending_in(TimePoint minute) const;

 private:
  static inline const std::string last_key = "\xff";  ///< behind every key
  using Groups = std::map<std::string, ByEnd>;

  static const ByEnd& find(const Groups& groups, const std::string& what);
  void add(const std::string& key, const Pointer& verdict);
  void remove(const std::string& key, const model::AccessVerdict& verdict);

  std::map<std::string, std::pair<std::string, Pointer>> by_uid_;  ///< with their keys
  KeyIndex about_;
  Groups policies_;
  Groups machines_;
  ByEnd grants_;
};

}  // namespace portcullis::controllers
