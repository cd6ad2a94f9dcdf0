#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "controllers/group_view.hpp"
#include "controllers/key_index.hpp"
#include "controllers/views.hpp"

namespace portcullis::controllers {

/// What rules of ours a group holds, as last read, in so far as others ask for groups by it.
enum class Holds {
  open,     ///< one that lets grants in
  inert,    ///< one of a grant's that was made inert
  passing,  ///< one that is to go one day: any but locks
  unclear,  ///< one whose mark cannot be read; or it cannot be read, and a list showed rules of
            ///< ours
};

/// Groups by `resource_key`, and which of them there is something to know of: thousands of others
/// need not be looked at for that.
class GroupViews final : public Views<GroupView> {
 public:
  explicit GroupViews(std::string instance) : instance_(std::move(instance)) {}

  /// Those of each subscription (in lower case), and those of them that no pass has been made of
  /// and that are not gone. What has no proper id is of none.
  const std::map<std::string, Keys>& by_subscription() const;
  const std::map<std::string, Keys>& not_passed() const;

  /// Those that, as last read, have rules of ours of that owner.
  const Keys& with_rules_of(const std::string& owner) const;

  const Keys& that_hold(Holds what) const;

 private:
  struct Place {
    std::string subscription{};
    bool passed = false;
    std::set<std::string> owners{};
    std::set<Holds> holds{};

    bool operator==(const Place&) const = default;
  };

  Place place_of(const GroupView& view) const;
  void note(const std::string& key, const Place& place, bool comes) const;
  void catch_up() const;

  std::string instance_;
  mutable std::map<std::string, Place> places_;
  mutable KeyIndex subscriptions_;
  mutable KeyIndex not_passed_;
  mutable KeyIndex owners_;
  mutable std::map<Holds, Keys> holders_;
};

}  // namespace portcullis::controllers
