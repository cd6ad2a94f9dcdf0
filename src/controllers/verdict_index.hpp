#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "model/request.hpp"

namespace portcullis::controllers {

/// Verdicts by what they are asked for: all that was ever decided must not be looked through in
/// each pass. What is shown is what `change` was told, and `change` is told whatever the store
/// tells. Holds the store's own objects, which never change, and no second copy of anything in
/// them.
class VerdictIndex {
 public:
  using Pointer = std::shared_ptr<const model::AccessVerdict>;
  /// By the time that their grants end at the latest, and by their namespaces and names.
  struct EndsFirst {
    using is_transparent = void;
    bool operator()(const Pointer& a, const Pointer& b) const;
    bool operator()(TimePoint time, const Pointer& b) const;
  };
  using ByEnd = std::set<Pointer, EndsFirst>;

  /// A verdict came (no `before`), changed, was made anew under its name, or went (no `after`).
  void change(const Pointer& before, const Pointer& after);

  /// Keys of those about requests of that key ("namespace/name"), present and past ones.
  std::set<std::string> about(const std::string& request_key) const;

  /// The grant with this uid, or null.
  Pointer find(const std::string& uid) const;

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
  static ByEnd::const_iterator ending_after(const ByEnd& grants, TimePoint time);
  std::pair<ByEnd::const_iterator, ByEnd::const_iterator> ending_in(TimePoint minute) const;

 private:
  using Groups = std::map<std::string, ByEnd>;

  struct ByUid {
    using is_transparent = void;
    bool operator()(const Pointer& a, const Pointer& b) const;
    bool operator()(const Pointer& a, const std::string& uid) const;
    bool operator()(const std::string& uid, const Pointer& b) const;
  };
  struct RequestName {
    std::string_view ns;
    std::string_view name;
  };
  /// By namespace and name of the request, and by their own names.
  struct ByRequest {
    using is_transparent = void;
    bool operator()(const Pointer& a, const Pointer& b) const;
    bool operator()(const Pointer& a, const RequestName& b) const;
    bool operator()(const RequestName& a, const Pointer& b) const;
  };

  static const ByEnd& find(const Groups& groups, const std::string& what);
  void add(const Pointer& verdict);
  void remove(const Pointer& verdict);

  std::set<Pointer, ByUid> by_uid_;
  std::set<Pointer, ByRequest> by_request_;
  Groups policies_;
  Groups machines_;
  ByEnd grants_;
};

}  // namespace portcullis::controllers
