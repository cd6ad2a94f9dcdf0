#include "controllers/request_report.hpp"

#include <algorithm>

#include "controllers/resources.hpp"
#include "controllers/status_writer.hpp"
#include "model/condition_types.hpp"
#include "plan/request_status.hpp"

namespace portcullis::controllers {

Task<Result<Done>> report_request(World& world, kube::Client& client, kube::EventSender& events,
                                  RequestPointer request, model::RequestStatus status) {
  const auto json = api::to_json(status, request->meta, request->status, world.clock.now());
  const auto written =
      co_await write_status(world, client, requests, request->meta, request->status, json);
  if (!written) co_return fail(written.error());
  const auto drifted =
      std::ranges::find(status.conditions, model::condition_type::drifted, &model::Condition::type);
  if (*written && !request->status.drift && drifted != status.conditions.end() &&
      drifted->status == model::Truth::yes) {
    announce(events, {.resource = requests,
                      .meta = request->meta,
                      .from = "AsWritten",
                      .to = "Drifted",
                      .reason = drifted->reason,
                      .message = drifted->message,
                      .who = request->requester->username,
                      .warning = true});
  }
  const std::string before = request->status.state.empty() ? "New" : request->status.state;
  if (*written && before != status.state) {
    const auto ready =
        std::ranges::find(status.conditions, model::condition_type::ready, &model::Condition::type);
    announce(events, {.resource = requests,
                      .meta = request->meta,
                      .from = before,
                      .to = status.state,
                      .reason = ready == status.conditions.end() ? status.state : ready->reason,
                      .message = status.message,
                      .who = request->requester->username,
                      .warning = status.state == plan::state::denied ||
                                 status.state == plan::state::failed});
  }
  co_return Done{};
}

}  // namespace portcullis::controllers
