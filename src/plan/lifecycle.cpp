#include "plan/lifecycle.hpp"

#include <algorithm>

#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/terms.hpp"

namespace portcullis::plan {

bool counts(const model::AccessVerdict& verdict, std::string_view operator_name) {
  return !operator_name.empty() && verdict.by == operator_name &&
         verdict.meta.name == verdict.request_uid;
}

TimePoint starts_at(const model::AccessVerdict& verdict) {
  return verdict.start_at ? std::max(verdict.meta.created, *verdict.start_at)
                          : verdict.meta.created;
}

TimePoint ends_at(const model::AccessVerdict& verdict) {
  return starts_at(verdict) + verdict.duration;
}

std::optional<model::AccessVerdict::End> ends_early(const model::AccessVerdict& verdict,
                                                    const Surroundings& around, TimePoint now) {
  if (verdict.ended) return verdict.ended;
  const auto end = [&](const char* why, std::string by, std::string message) {
    return model::AccessVerdict::End{
        .at = now, .reason = why, .by = std::move(by), .message = std::move(message)};
  };
  if (verdict.meta.deleting) return end(reason::deleted, "", "its verdict was deleted");
  if (around.request_readable) {
    const auto* request = around.request;
    if (request == nullptr || request->meta.uid != verdict.request_uid || request->meta.deleting) {
      return end(reason::deleted, "", "the request was deleted");
    }
    if (request->revoke) return end(reason::returned, "", "given back (spec.revoke)");
  }
  if (!around.revoked_by.empty()) {
    return end(reason::revoked, around.revoked_by,
               "revoked by \"" + around.revoked_by + "\"" +
                   (around.revoked_why.empty() ? "" : ": " + around.revoked_why));
  }
  if (around.policy_readable) {
    const auto* policy = around.policy;
    if (policy == nullptr || policy->meta.uid != verdict.policy_uid || policy->meta.deleting) {
      return end(reason::policy_deleted, "", "policy \"" + verdict.policy_name + "\" was deleted");
    }
    if (policy->suspend) {
      return end(reason::suspended, "", "policy \"" + verdict.policy_name + "\" was suspended");
    }
    if (!policy->enforce) {
      return end(reason::policy_changed, "", "the policy went to Audit");
    }
    if (const auto why = no_longer_allowed(verdict, *policy)) {
      return end(reason::policy_changed, "", *why);
    }
    if (!around.unselected.empty()) {
      return end(reason::policy_changed, "",
                 "the tags of machine " + around.unselected + " no longer fit the policy");
    }
  }
  if (around.account_readable) {
    const auto* account = around.account;
    if (account == nullptr) return end(reason::account_not_found, "", "its account was deleted");
    if (account->freeze) {
      return end(reason::frozen, "", "account \"" + account->meta.name + "\" was frozen");
    }
    if (!model::allows_namespace(*account, verdict.meta.ns)) {
      return end(reason::namespace_not_allowed, "",
                 "account \"" + account->meta.name + "\" no longer serves namespace \"" +
                     verdict.meta.ns + "\"");
    }
    for (const auto& target : verdict.targets) {
      const auto id = model::parse_resource_id(target.resource_id);
      if (id && model::allows(*account, verdict.meta.ns, id->resource_group)) continue;
      return end(reason::namespace_not_allowed, "",
                 "account \"" + account->meta.name + "\" no longer gives machine " +
                     target.resource_id + " to namespace \"" + verdict.meta.ns + "\"");
    }
  }
  return std::nullopt;
}

bool is_live(const model::AccessVerdict& verdict, const Surroundings& around, TimePoint now) {
  return verdict.granted && starts_at(verdict) <= now && now < ends_at(verdict) &&
         !ends_early(verdict, around, now);
}

}  // namespace portcullis::plan
