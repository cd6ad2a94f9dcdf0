#include "controllers/grant_check.hpp"

#include <algorithm>

#include "api/decode.hpp"
#include "controllers/grants.hpp"
#include "controllers/resources.hpp"
#include "controllers/target_judge.hpp"
#include "controllers/usage.hpp"

namespace portcullis::controllers {
namespace {

/// A grant's verdict and request as they are now; nothing: one of them is gone, or is another.
struct Asked {
  model::AccessVerdict verdict;
  model::AccessRequest request;
};

Task<Result<nlohmann::json>> ask(kube::Client& client, kube::Resource resource,
                                 kube::ObjectName name, TimeToAsk time) {
  const Duration left = time();
  if (left <= Duration::zero()) co_return fail(Error::Kind::cancelled, "a closing goes first");
  co_return co_await client.get(resource, std::move(name), left);
}

Task<Result<std::optional<Asked>>> ask_for_grant(World& world, kube::Client& client,
                                                 std::string uid, TimeToAsk time) {
  const auto known = world.verdict_index.find(uid);
  if (!known) co_return std::nullopt;
  const kube::ObjectName name{known->meta.ns, known->meta.name};
  const auto fresh = co_await ask(client, verdicts, name, time);
  if (!fresh && fresh.error().kind == Error::Kind::not_found) co_return std::nullopt;
  if (!fresh) co_return fail(fresh.error());
  auto verdict = api::parse_verdict(fresh->dump());
  if (!verdict) co_return fail(verdict.error());
  if (verdict->meta.uid != uid) co_return std::nullopt;
  const auto asked =
      co_await ask(client, requests, {verdict->meta.ns, verdict->request_name}, time);
  if (!asked && asked.error().kind == Error::Kind::not_found) co_return std::nullopt;
  if (!asked) co_return fail(asked.error());
  auto request = api::parse_request(asked->dump());
  if (!request) co_return fail(request.error());
  co_return Asked{.verdict = std::move(*verdict), .request = std::move(*request)};
}

/// Whether it is worth opening was judged by the plan: one that stands in the rule already may be
/// in its last seconds.
bool stands(World& world, const Asked& grant) {
  const auto& [verdict, request] = grant;
  return !what_may_claim(world, machine_ids(verdict.targets)) && !ends_by_limits(world, verdict) &&
         world.is_live(verdict) && plan::ends_at(verdict) > world.clock.now() &&
         !ends_by_finding(world, verdict) && request.meta.uid == verdict.request_uid &&
         !request.meta.deleting && !request.revoke;
}

}  // namespace

Task<Result<bool>> grants_still_stand(World& world, kube::Client& client,
                                      std::vector<std::string> grants, TimeToAsk time) {
  std::vector<Asked> asked;
  for (const std::string& uid : grants) {
    auto grant = co_await ask_for_grant(world, client, uid, time);
    if (!grant) co_return fail(grant.error());
    if (!*grant) co_return false;
    asked.push_back(std::move(**grant));
  }
  // Machines may have been read, and policies have changed, while the others were asked for.
  co_return std::ranges::all_of(asked, [&](const Asked& grant) { return stands(world, grant); });
}

Task<Result<bool>> policy_still_stands(kube::Client& client,
                                       std::shared_ptr<const model::JitPolicy> planned_by,
                                       TimeToAsk time) {
  if (!planned_by) co_return false;
  const model::Meta& known = planned_by->meta;
  const auto fresh = co_await ask(client, policies, {known.ns, known.name}, std::move(time));
  if (!fresh && fresh.error().kind == Error::Kind::not_found) co_return false;
  if (!fresh) co_return fail(fresh.error());
  const auto meta = fresh->value("metadata", nlohmann::json::object());
  const bool same = meta.value("uid", "") == known.uid &&
                    meta.value("generation", std::int64_t{0}) == known.generation;
  co_return same&& meta.contains("deletionTimestamp") == known.deleting;
}

}  // namespace portcullis::controllers
