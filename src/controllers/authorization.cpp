#include "controllers/authorization.hpp"

#include "controllers/resources.hpp"
#include "plan/reasons.hpp"

namespace portcullis::controllers {

Task<Result<plan::Decision>> ask_authorizer(kube::Client& client, RequestPointer request,
                                            plan::Decision if_allowed) {
  const kube::UserInfo user{.username = request->requester->username,
                            .uid = request->requester->uid,
                            .groups = request->requester->groups,
                            .extra = request->requester->extra};
  const kube::AccessAttributes attributes{.group = api::group,
                                          .resource = policies.plural,
                                          .ns = request->meta.ns,
                                          .name = request->policy,
                                          .verb = "request"};
  const auto may = co_await client.may(user, attributes);
  if (!may) {
    co_return plan::Decision{.kind = plan::Decision::Kind::wait,
                             .reason = plan::reason::authorization_unknown,
                             .message = "the authorizer did not answer: " + may.error().message};
  }
  if (*may) co_return if_allowed;
  co_return plan::Decision{
      .kind = plan::Decision::Kind::refuse,
      .reason = plan::reason::not_authorized,
      .message = "user \"" + user.username + "\" may not request JitPolicy \"" + request->policy +
                 "\" (verb \"request\" on jitpolicies.portcullis.dev in namespace \"" +
                 request->meta.ns + "\")"};
}

}  // namespace portcullis::controllers
