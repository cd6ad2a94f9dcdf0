#include "lab/arm_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lab/api_versions.hpp"
#include "lab/handlers.hpp"
#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

using Kind = FaultAction::Kind;

constexpr std::size_t log_limit = 200000;
constexpr std::size_t memory_limit = 1000;

/// Which answers are of one request. The bearer token stands for the client: a fault strikes before
/// anybody has looked at it.
std::string memory_key(const Call& call) {
  return std::string(net::find_header(call.request->headers, "Authorization").value_or("")) + ' ' +
         call.request->target;
}

Duration to_duration(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

Twist twist_of(const std::optional<FaultAction>& fault) {
  Twist twist;
  if (!fault) return twist;
  twist.keeps_effect = fault->keeps_effect;
  if (fault->kind == Kind::fail_operation) twist.outcome = Operation::Outcome::fail;
  if (fault->kind == Kind::cancel_operation) twist.outcome = Operation::Outcome::cancel;
  if (fault->kind == Kind::slow_operation) twist.extra_seconds = fault->seconds;
  return twist;
}

void set_headers(const FaultAction& fault, net::Response& response) {
  for (const net::Header& header : fault.headers) {
    if (header.value.empty()) {
      std::erase_if(response.headers,
                    [&](const net::Header& one) { return same_name(one.name, header.name); });
    } else {
      set_header(response, header.name, header.value);
    }
  }
}

/// What a fault answers in place of the cloud.
net::Response faulty_answer(const FaultAction& fault) {
  net::Response response;
  const int status = fault.status == 0 ? 500 : fault.status;
  if (fault.kind == Kind::throttle) {
    response = arm_error(429, "TooManyRequests",
                         "The request is being throttled as the limit has been reached for "
                         "operation type - Write_ObservationWindow_00:05:00.");
    if (!fault.retry_after.empty()) set_header(response, "Retry-After", fault.retry_after);
  } else if (fault.body.is_string()) {  // as it is: HTML pages, broken JSON
    response = empty_answer(status);
    response.body = fault.body.get<std::string>();
  } else if (fault.body.is_null()) {
    response = arm_error(status, "InternalServerError", "A fault on demand of the lab.");
  } else {
    response = json_answer(status, fault.body);
  }
  set_headers(fault, response);
  return response;
}

void patch_json(const Json& change, std::string& text) {
  Json body = Json::parse(text, nullptr, false);
  if (body.is_discarded()) body = Json::object();
  if (!change.is_array()) {
    body.merge_patch(change);
  } else {
    try {
      body = body.patch(change);
    } catch (const Json::exception& misfit) {  // what it points at is not in this answer
      body = {{"error", {{"code", "FaultDoesNotFit"}, {"message", misfit.what()}}}};
    }
  }
  text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The answer as the cloud gave it, bent.
void bend_answer(const FaultAction& fault, net::Response& response) {
  if (fault.kind == Kind::patch && !fault.body.is_null()) patch_json(fault.body, response.body);
  if (fault.kind == Kind::text) {
    const auto at = fault.find.empty() ? std::string::npos : response.body.find(fault.find);
    if (at != std::string::npos) {
      response.body.replace(at, fault.find.size(), fault.replacement);
    }
    if (fault.length >= 0) response.body.resize(static_cast<std::size_t>(fault.length), ' ');
  }
  if (fault.status != 0) response.status = fault.status;
  set_headers(fault, response);
}

/// Somebody else takes the priority that this rule PUT asks for.
void take_priority(Cloud& cloud, const Call& call) {
  if (call.path.size() != 10 || !same_name(call.path[8], "securityRules")) return;
  SecurityGroup* group = find_group(cloud.world, call.path[3], call.path[7]);
  const Json body = Json::parse(call.request->body, nullptr, false);
  if (group == nullptr || !body.is_object() || !body.contains("properties")) return;
  const Json& asked = body["properties"];
  group->rules.push_back({fmt::format("foreign-{}", call.number),
                          {{"protocol", "Tcp"},
                           {"access", "Allow"},
                           {"direction", asked.value("direction", "Inbound")},
                           {"priority", asked.value("priority", 100)},
                           {"sourcePortRange", "*"},
                           {"destinationPortRange", "443"},
                           {"sourceAddressPrefix", "198.51.100.77"},
                           {"destinationAddressPrefix", "*"},
                           {"sourcePortRanges", Json::array()},
                           {"destinationPortRanges", Json::array()},
                           {"sourceAddressPrefixes", Json::array()},
                           {"destinationAddressPrefixes", Json::array()},
                           {"provisioningState", "Succeeded"}}});
  touch(cloud.world, *group);
  cloud.publish();
}

std::string error_code(const net::Response& response) {
  if (response.status < 400) return {};
  const Json body = Json::parse(response.body, nullptr, false);
  if (!body.is_object() || !body.contains("error")) return {};
  const Json& error = body["error"];
  if (error.is_string()) return error.get<std::string>();
  const bool has_code = error.is_object() && error.contains("code") && error["code"].is_string();
  return has_code ? error["code"].get<std::string>() : std::string();
}

bool is_login(const Call& call) { return path_is(call, {"*", "oauth2", "v2.0", "token"}); }

bool is_metadata_token(const Call& call) {
  return path_is(call, {"metadata", "identity", "oauth2", "token"});
}

}  // namespace

ArmModel::ArmModel(World world, Settings settings)
    : cloud_(std::move(world), std::move(settings)) {}

void ArmModel::advance(TimePoint now) {
  while (!late_.empty()) {
    const auto due = std::ranges::min_element(late_, {}, &Late::when);
    if (due->when > now) break;
    const Late late = std::move(*due);
    late_.erase(due);
    if (cloud_.operations.advance(cloud_.world, cloud_.packets, late.when)) {
      ++cloud_.packet_changes;
    }
    if (auto call = parse_call(late.request)) {
      call->now = late.when;
      call->number = cloud_.requests;
      arm(*call, std::nullopt);
    }
  }
  if (cloud_.operations.advance(cloud_.world, cloud_.packets, now)) ++cloud_.packet_changes;
}

std::optional<TimePoint> ArmModel::next_change() const {
  std::optional<TimePoint> next = cloud_.operations.next_end();
  for (const Late& late : late_) {
    if (!next || late.when < *next) next = late.when;
  }
  return next;
}

Answer ArmModel::answer(const net::Request& request, TimePoint now) {
  advance(now);
  auto call = parse_call(request);
  if (!call) return {.response = arm_error(400, "InvalidRequestUri", "The request uri is broken.")};
  call->now = now;
  if (!call->path.empty() && same_name(call->path.front(), "_lab")) {
    return {.response = answer_admin(cloud_, *call)};
  }
  call->number = ++cloud_.requests;
  const bool secret_body = is_login(*call);
  cloud_.log.push_back(
      {.number = call->number,
       .at = now,
       .method = request.method,
       .target = request.target,
       .client = {},
       .body = secret_body ? std::string() : request.body,
       .user_agent = std::string(net::find_header(request.headers, "User-Agent").value_or(""))});
  if (cloud_.log.size() > log_limit) cloud_.log.pop_front();
  return answer_call(*call, cloud_.log.back());
}

Answer ArmModel::answer_call(Call& call, LoggedRequest& line) {
  Answer answer{.response = {}, .delay = cloud_.settings.latency};
  const auto fault = cloud_.faults.strike(*call.request);
  if (fault) line.fault = to_string(fault->kind);
  bool untouched = false;
  if (fault) {
    switch (fault->kind) {
      case Kind::status:
      case Kind::throttle:
        answer.response = faulty_answer(*fault);
        untouched = true;
        break;
      case Kind::drop_before:
        untouched = true;
        break;
      case Kind::silence:
        answer.delay = to_duration(fault->seconds);
        untouched = true;
        break;
      case Kind::late_effect:
        late_.push_back({call.now + to_duration(fault->seconds), *call.request});
        untouched = true;
        break;
      case Kind::stale_answer:
        if (const auto last = last_answers_.find(memory_key(call)); last != last_answers_.end()) {
          answer.response = last->second;
          untouched = true;
        }
        break;
      case Kind::delay:
        answer.delay += to_duration(fault->seconds);
        break;
      case Kind::foreign_priority:
        take_priority(cloud_, call);
        break;
      default:
        break;
    }
  }
  if (!untouched) {
    answer.response = arm(call, fault);
    remember(call, answer.response);
    if (fault && (fault->kind == Kind::patch || fault->kind == Kind::text)) {
      bend_answer(*fault, answer.response);
    }
    if (fault && fault->kind == Kind::lost_answer) answer.response.status = 0;
  }
  line.client = call.client;
  line.status = answer.response.status;
  line.code = error_code(answer.response);
  if (answer.response.status != 0) finish_headers(call, answer.response);
  return answer;
}

void ArmModel::remember(const Call& call, const net::Response& response) {
  if (call.method != "GET" || response.status != 200 || call.client.empty()) return;
  if (last_answers_.size() >= memory_limit) last_answers_.clear();
  last_answers_[memory_key(call)] = response;
}

net::Response ArmModel::arm(Call& call, const std::optional<FaultAction>& fault) {
  if (is_login(call)) return cloud_.tokens.exchange(call, cloud_.world, cloud_.settings);
  if (is_metadata_token(call)) return cloud_.tokens.metadata(call, cloud_.world, cloud_.settings);
  if (auto known = discovery(call, cloud_.world, cloud_.settings)) return std::move(*known);

  if (auto refused = cloud_.tokens.refuse(call, cloud_.world, cloud_.settings)) return *refused;
  if (call.path.empty() || !same_name(call.path.front(), "subscriptions")) {
    return arm_error(404, "ResourceNotFound", "The requested path is not known to the lab.");
  }
  if (auto refused = refuse_api_version(call, cloud_.world.location)) return *refused;
  if (call.path.size() > 1 && !same_name(call.path[1], cloud_.world.subscription)) {
    return arm_error(404, "SubscriptionNotFound",
                     fmt::format("The subscription '{}' could not be found.", call.path[1]));
  }
  if (cloud_.settings.throttling) {
    if (auto refused = cloud_.throttle.take(call.client, call.method, call.now)) return *refused;
  }
  const Twist twist = twist_of(fault);
  if (auto response = answer_subscription(cloud_, call)) return std::move(*response);
  if (auto response = answer_authorization(cloud_, call)) return std::move(*response);
  if (auto response = answer_operations(cloud_, call)) return std::move(*response);
  if (auto response = answer_compute(cloud_, call)) return std::move(*response);
  if (auto response = answer_groups(cloud_, call, twist)) return std::move(*response);
  if (auto response = answer_rules(cloud_, call, twist)) return std::move(*response);
  if (auto response = answer_network(cloud_, call)) return std::move(*response);
  return arm_error(404, "InvalidResourceType",
                   fmt::format("The resource type of '{}' could not be found.",
                               call.request->target.substr(0, call.request->target.find('?'))));
}

void ArmModel::finish_headers(const Call& call, net::Response& response) const {
  const std::string request_id = guid_of(fmt::format("request-{}", call.number));
  set_header(response, "Date", http_date(call.now + cloud_.settings.date_skew));
  set_header(response, "x-ms-request-id", request_id);
  if (is_login(call) || is_metadata_token(call)) return;
  set_header(response, "x-ms-correlation-request-id",
             guid_of(fmt::format("correlation-{}", call.number)));
  set_header(response, "x-ms-routing-request-id",
             fmt::format("WESTEUROPE:{}:{}", format_rfc3339(call.now), request_id));
  if (!response.header("Cache-Control")) set_header(response, "Cache-Control", "no-cache");
  if (cloud_.settings.throttling) {
    const net::Header left = cloud_.throttle.remaining(call.client, call.method);
    set_header(response, left.name, left.value);
  }
}

}  // namespace portcullis::lab
