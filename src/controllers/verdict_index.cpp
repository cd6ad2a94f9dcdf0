#include "controllers/verdict_index.hpp"

#include <chrono>
#include <set>

#include "model/resource_id.hpp"
#include "plan/lifecycle.hpp"

namespace portcullis::controllers {
namespace {

std::string about_of(const model::AccessVerdict& verdict) {
  return verdict.meta.ns + "/" + verdict.request_name;
}

std::set<std::string> machines_of(const model::AccessVerdict& verdict) {
  std::set<std::string> machines;
  for (const auto& target : verdict.targets) {
    machines.insert(model::resource_key(target.resource_id));
  }
  return machines;
}

/// What nothing is left under is forgotten.
template <typename Groups>
void take_out(Groups& groups, const std::string& what,
              const typename Groups::mapped_type::key_type& place) {
  const auto found = groups.find(what);
  if (found == groups.end()) return;
  found->second.erase(place);
  if (found->second.empty()) groups.erase(found);
}

}  // namespace

void VerdictIndex::change(const std::string& key, const Pointer& before, const Pointer& after) {
  if (before) remove(key, *before);
  if (after) add(key, after);
}

VerdictIndex::Pointer VerdictIndex::find(const std::string& uid) const {
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? nullptr : found->second.second;
}

std::pair<VerdictIndex::ByEnd::const_iterator, VerdictIndex::ByEnd::const_iterator>
VerdictIndex::ending_in(TimePoint minute) const {
  return {ending_after(grants_, minute - std::chrono::minutes(1)), ending_after(grants_, minute)};
}

const VerdictIndex::ByEnd& VerdictIndex::find(const Groups& groups, const std::string& what) {
  static const ByEnd none;
  const auto found = groups.find(what);
  return found == groups.end() ? none : found->second;
}

void VerdictIndex::add(const std::string& key, const Pointer& verdict) {
  by_uid_[verdict->meta.uid] = {key, verdict};
  about_.add(about_of(*verdict), key);
  if (!verdict->granted) return;
  const ByEnd::key_type place{plan::ends_at(*verdict), key};
  grants_[place] = verdict;
  policies_[verdict->policy_uid][place] = verdict;
  for (const auto& machine : machines_of(*verdict)) machines_[machine][place] = verdict;
}

void VerdictIndex::remove(const std::string& key, const model::AccessVerdict& verdict) {
  // In a new list the same object may have come under another key before this one goes.
  const auto known = by_uid_.find(verdict.meta.uid);
  if (known != by_uid_.end() && known->second.first == key) by_uid_.erase(known);
  about_.remove(about_of(verdict), key);
  if (!verdict.granted) return;
  const ByEnd::key_type place{plan::ends_at(verdict), key};
  grants_.erase(place);
  take_out(policies_, verdict.policy_uid, place);
  for (const auto& machine : machines_of(verdict)) take_out(machines_, machine, place);
}

}  // namespace portcullis::controllers
