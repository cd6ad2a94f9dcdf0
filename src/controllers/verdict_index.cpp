#include "controllers/verdict_index.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string_view>
#include <tuple>

#include "model/resource_id.hpp"
#include "plan/lifecycle.hpp"

namespace portcullis::controllers {
namespace {

std::set<std::string> machines_of(const model::AccessVerdict& verdict) {
  std::set<std::string> machines;
  for (const auto& target : verdict.targets) {
    machines.insert(model::resource_key(target.resource_id));
  }
  return machines;
}

/// What nothing is left under is forgotten.
template <typename Groups, typename Pointer>
void take_out(Groups& groups, const std::string& what, const Pointer& verdict) {
  const auto found = groups.find(what);
  if (found == groups.end()) return;
  found->second.erase(verdict);
  if (found->second.empty()) groups.erase(found);
}

/// The one that is equal in that order may be an older copy.
template <typename Verdicts, typename Pointer>
void replace(Verdicts& verdicts, const Pointer& verdict) {
  verdicts.erase(verdict);
  verdicts.insert(verdict);
}

}  // namespace

bool VerdictIndex::EndsFirst::operator()(const Pointer& a, const Pointer& b) const {
  const TimePoint end_of_a = plan::ends_at(*a);
  const TimePoint end_of_b = plan::ends_at(*b);
  return std::tie(end_of_a, a->meta.ns, a->meta.name) <
         std::tie(end_of_b, b->meta.ns, b->meta.name);
}

bool VerdictIndex::EndsFirst::operator()(TimePoint time, const Pointer& b) const {
  return time < plan::ends_at(*b);
}

bool VerdictIndex::ByUid::operator()(const Pointer& a, const Pointer& b) const {
  return a->meta.uid < b->meta.uid;
}

bool VerdictIndex::ByUid::operator()(const Pointer& a, const std::string& uid) const {
  return a->meta.uid < uid;
}

bool VerdictIndex::ByUid::operator()(const std::string& uid, const Pointer& b) const {
  return uid < b->meta.uid;
}

bool VerdictIndex::ByRequest::operator()(const Pointer& a, const Pointer& b) const {
  return std::tie(a->meta.ns, a->request_name, a->meta.name) <
         std::tie(b->meta.ns, b->request_name, b->meta.name);
}

bool VerdictIndex::ByRequest::operator()(const Pointer& a, const RequestName& b) const {
  return std::tuple<std::string_view, std::string_view>(a->meta.ns, a->request_name) <
         std::tie(b.ns, b.name);
}

bool VerdictIndex::ByRequest::operator()(const RequestName& a, const Pointer& b) const {
  return std::tie(a.ns, a.name) <
         std::tuple<std::string_view, std::string_view>(b->meta.ns, b->request_name);
}

void VerdictIndex::change(const Pointer& before, const Pointer& after) {
  if (before) remove(before);
  if (after) add(after);
}

VerdictIndex::Pointer VerdictIndex::find(const std::string& uid) const {
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? nullptr : *found;
}

std::set<std::string> VerdictIndex::about(const std::string& request_key) const {
  const std::string_view key = request_key;
  const auto slash = key.find('/');
  if (slash == std::string_view::npos) return {};
  const auto [first, last] =
      by_request_.equal_range(RequestName{key.substr(0, slash), key.substr(slash + 1)});
  std::set<std::string> keys;
  std::transform(first, last, std::inserter(keys, keys.end()),
                 [](const Pointer& verdict) { return verdict->meta.key(); });
  return keys;
}

VerdictIndex::ByEnd::const_iterator VerdictIndex::ending_after(const ByEnd& grants,
                                                               TimePoint time) {
  return grants.upper_bound(time);
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

void VerdictIndex::add(const Pointer& verdict) {
  replace(by_request_, verdict);
  if (!verdict->granted) return;
  replace(by_uid_, verdict);
  replace(grants_, verdict);
  replace(policies_[verdict->policy_uid], verdict);
  for (const auto& machine : machines_of(*verdict)) replace(machines_[machine], verdict);
}

void VerdictIndex::remove(const Pointer& verdict) {
  by_request_.erase(verdict);
  if (!verdict->granted) return;
  // In a new list the same object may have come under another key before this one goes.
  const auto known = by_uid_.find(verdict);
  if (known != by_uid_.end() && (*known)->meta.key() == verdict->meta.key()) by_uid_.erase(known);
  grants_.erase(verdict);
  take_out(policies_, verdict->policy_uid, verdict);
  for (const auto& machine : machines_of(*verdict)) take_out(machines_, machine, verdict);
}

}  // namespace portcullis::controllers
