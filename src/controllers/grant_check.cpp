#include "controllers/grant_check.hpp"

#include "api/decode.hpp"
#include "controllers/resources.hpp"
#include "controllers/target_judge.hpp"

namespace portcullis::controllers {

Task<Result<bool>> grants_still_stand(World& world, kube::Client& client,
                                      std::vector<std::string> grants) {
  for (const std::string& uid : grants) {
    const auto known = world.verdict_index.find(uid);
    if (!known) co_return false;
    const kube::ObjectName name{known->meta.ns, known->meta.name};
    const auto fresh = co_await client.get(verdicts, name);
    if (!fresh && fresh.error().kind == Error::Kind::not_found) co_return false;
    if (!fresh) co_return fail(fresh.error());
    const auto verdict = api::parse_verdict(fresh->dump());
    if (!verdict) co_return fail(verdict.error());
    if (verdict->meta.uid != uid || !world.is_live(*verdict)) co_return false;
    if (what_may_claim(world) || older_claim(world, *verdict) != nullptr) co_return false;
    // Whether it is worth opening was judged by the plan: one that stands in the rule already may
    // be in its last seconds.
    if (plan::ends_at(*verdict) <= world.clock.now()) co_return false;
    const auto asked = co_await client.get(requests, {verdict->meta.ns, verdict->request_name});
    if (!asked && asked.error().kind == Error::Kind::not_found) co_return false;
    if (!asked) co_return fail(asked.error());
    const auto request = api::parse_request(asked->dump());
    if (!request) co_return fail(request.error());
    if (request->meta.uid != verdict->request_uid || request->meta.deleting || request->revoke) {
      co_return false;
    }
  }
  co_return true;
}

}  // namespace portcullis::controllers
