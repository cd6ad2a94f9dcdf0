#include "cloud/long_running.hpp"

#include <algorithm>
#include <optional>

#include "cloud/json.hpp"
#include "cloud/retry_after.hpp"
#include "model/resource_id.hpp"

namespace portcullis::cloud {
namespace {

enum class State { running, succeeded, failed };

/// Open enumeration: what is none of the three ends is under way ("Updating", "InProgress", …).
State read_state(std::string_view text) {
  const std::string word = model::ascii_lower(text);
  if (word == "succeeded") return State::succeeded;
  if (word == "failed" || word == "canceled") return State::failed;
  return State::running;
}

/// What is asked, and how its answers are to be read.
struct Question {
  enum class Kind { operation, location, resource };
  Kind kind = Kind::resource;
  std::string target;
};

struct Waiting {
  ArmClient& arm;
  net::Request sent;
  std::string call;
  Question question{};

  /// Nothing while it runs.
  using Outcome = std::optional<Result<Done>>;

  Result<Done> take_addresses(const net::Response& answer);
  Outcome read_first(const net::Response& answer) const;
  Outcome read_answer(const net::Response& answer) const;
  Outcome read_failure(const Error& error) const;
  Outcome read_resource(json::Element resource) const;
  Outcome ended(State state, json::Element body, std::string_view status) const;
};

/// Answers may move the question to a new address.
Result<Done> Waiting::take_addresses(const net::Response& answer) {
  const auto operation = answer.header("Azure-AsyncOperation");
  const auto location = answer.header("Location");
  const bool has_operation = operation && !operation->empty();
  const bool has_location =
      location && !location->empty() && question.kind != Question::Kind::operation;
  if (!has_operation && !has_location) return Done{};
  auto target = arm.follow(has_operation ? *operation : *location);
  if (!target) return fail(target.error());
  question = {has_operation ? Question::Kind::operation : Question::Kind::location,
              std::move(*target)};
  return Done{};
}

Waiting::Outcome Waiting::ended(State state, json::Element body, std::string_view status) const {
  if (state == State::running) return std::nullopt;
  if (state == State::succeeded) return Done{};
  return fail(arm.operation_error(body, call, std::string(status)));
}

Waiting::Outcome Waiting::read_resource(json::Element resource) const {
  std::optional<std::string_view> state;
  if (const auto properties = json::member(resource, "properties")) {
    state = json::text(*properties, "provisioningState");
  }
  if (!state) return Done{};  // ARM: a resource without a state is complete
  return ended(read_state(*state), resource, *state);
}

Waiting::Outcome Waiting::read_first(const net::Response& answer) const {
  if (answer.status == 204) return Done{};
  const bool has_question = question.kind != Question::Kind::resource;
  if (answer.status == 202) return std::nullopt;
  if (answer.body.empty()) {
    return has_question ? Outcome() : Outcome(Done{});
  }
  const auto document = json::Document::parse(answer.body);
  if (!document) return fail(Error::Kind::malformed, call + ": " + document.error().message);
  const auto properties = json::member(document->root(), "properties");
  const bool has_state = properties && json::text(*properties, "provisioningState");
  if (!has_state && has_question) return std::nullopt;
  return read_resource(document->root());
}

Waiting::Outcome Waiting::read_answer(const net::Response& answer) const {
  if (question.kind == Question::Kind::location) {
    if (answer.status == 202) return std::nullopt;
    if (answer.body.empty()) return Done{};
  } else if (answer.status == 204) {
    return Done{};
  } else if (answer.body.empty()) {
    return std::nullopt;
  }
  const auto document = json::Document::parse(answer.body);
  if (!document) return fail(Error::Kind::malformed, call + ": " + document.error().message);
  if (question.kind == Question::Kind::operation) {
    const auto status = json::text(document->root(), "status");
    if (!status) {
      return fail(Error::Kind::malformed, call + ": the operation's answer has no status");
    }
    return ended(read_state(*status), document->root(), *status);
  }
  // A DELETE that is only seen at the resource has ended when the resource is gone.
  if (question.kind == Question::Kind::resource && sent.method == "DELETE") return std::nullopt;
  return read_resource(document->root());
}

Waiting::Outcome Waiting::read_failure(const Error& error) const {
  if (error.kind == Error::Kind::not_found) {
    if (question.kind == Question::Kind::resource && sent.method == "DELETE") return Done{};
    Error lost = error;
    lost.kind = Error::Kind::unavailable;
    lost.message = call + ": the cloud does not know the operation any more";
    return fail(lost);
  }
  const bool may_pass = error.kind == Error::Kind::unavailable ||
                        error.kind == Error::Kind::throttled ||
                        error.kind == Error::Kind::timeout || error.kind == Error::Kind::busy;
  if (may_pass) return std::nullopt;
  return fail(error);
}

/// How long to wait before the next question; the ramp grows only where the server is silent.
Duration next_pause(std::optional<Duration> told, Duration& ramp, const WaitOptions& options) {
  if (told) return std::min(*told, options.longest_told_pause);
  const Duration pause = ramp;
  ramp = std::min(ramp * 2, options.longest_pause);
  return pause;
}

}  // namespace

Task<Result<Done>> wait_for_operation(ArmClient& arm, Pauses& pauses, Clock& clock,
                                      net::Request sent, net::Response first, WaitOptions options) {
  const BootTime end = clock.boot_now() + options.operation_deadline;
  std::string call = call_name(sent);
  Waiting waiting{.arm = arm, .sent = std::move(sent), .call = std::move(call)};
  waiting.question.target = waiting.sent.target;
  if (const auto taken = waiting.take_addresses(first); !taken) co_return taken;
  if (auto outcome = waiting.read_first(first)) co_return *outcome;

  Duration ramp = options.first_pause;
  Duration pause = next_pause(retry_after(first, clock.now()), ramp, options);
  while (true) {
    const Duration left = end - clock.boot_now();
    if (pause >= left) {
      co_return fail(Error::Kind::timeout, waiting.call + ": the operation did not end in time");
    }
    if (const auto rested = co_await pauses.sleep(pause); !rested) co_return rested;

    const auto answer = co_await arm.get(waiting.question.target,
                                         std::min(end - clock.boot_now(), options.read_deadline),
                                         {.work = options.work, .about = options.about});
    if (!answer) {
      if (auto outcome = waiting.read_failure(answer.error())) co_return *outcome;
      pause = next_pause(answer.error().retry_after, ramp, options);
      continue;
    }
    if (const auto taken = waiting.take_addresses(*answer); !taken) co_return taken;
    if (auto outcome = waiting.read_answer(*answer)) co_return *outcome;
    pause = next_pause(retry_after(*answer, clock.now()), ramp, options);
  }
}

}  // namespace portcullis::cloud
