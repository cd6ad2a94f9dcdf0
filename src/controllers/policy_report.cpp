#include "controllers/policy_report.hpp"

#include <algorithm>

#include "controllers/resources.hpp"
#include "controllers/status_writer.hpp"
#include "model/condition_types.hpp"

namespace portcullis::controllers {

Task<Result<Done>> report_policy(World& world, kube::Client& client, kube::EventSender& events,
                                 PolicyPointer policy, model::PolicyStatus status) {
  const auto json = api::to_json(status, policy->meta, policy->status, world.clock.now());
  const auto ready =
      std::ranges::find(status.conditions, model::condition_type::ready, &model::Condition::type);
  const auto before = std::ranges::find(policy->status.changes, model::condition_type::ready,
                                        &model::SeenStatus::Change::type);
  const bool known = before != policy->status.changes.end();
  const bool turned =
      ready != status.conditions.end() && (!known || before->status != ready->status);
  const auto written =
      co_await write_status(world, client, policies, policy->meta, policy->status, json);
  if (!written) co_return fail(written.error());
  if (*written && turned) {
    announce(events, {.resource = policies,
                      .meta = policy->meta,
                      .from = known ? std::string("Ready=") + to_string(before->status) : "New",
                      .to = std::string("Ready=") + to_string(ready->status),
                      .reason = ready->reason,
                      .message = ready->message,
                      .warning = known && ready->status == model::Truth::no});
  }
  co_return Done{};
}

}  // namespace portcullis::controllers
