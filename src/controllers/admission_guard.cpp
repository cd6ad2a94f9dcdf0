#include "controllers/admission_guard.hpp"

#include "base/log.hpp"
#include "controllers/resources.hpp"

namespace portcullis::controllers {
namespace {

using nlohmann::literals::operator""_json_pointer;

constexpr Duration prove_again = std::chrono::seconds(60);
constexpr Duration retry = std::chrono::seconds(1);
// An API server that does not answer proves nothing either way, but not for ever.
constexpr Duration believed_for = std::chrono::seconds(90);

// The operator may request the first of these (RBAC) and not the second; neither exists.
constexpr const char* allowed_policy = "portcullis-guard-probe";
constexpr const char* denied_policy = "portcullis-guard-denied";

/// Valid in every field, so that only a guard can refuse it.
nlohmann::json forged_request(const char* policy) {
  return {{"apiVersion", std::string(api::group) + "/" + api::version},
          {"kind", "AccessRequest"},
          {"metadata", {{"name", "portcullis-guard-probe"}}},
          {"spec",
           {{"policyRef", {{"name", policy}}},
            {"targets", {"probe"}},
            {"ports", {{{"port", 22}, {"protocol", "TCP"}}}},
            {"sources", {"192.0.2.1/32"}},
            {"duration", "1m"},
            {"reason", "proves that the admission policies are in force"},
            {"requester",
             {{"username", "portcullis:forged"}, {"uid", "forged"}, {"groups", {"forged"}}}}}}};
}

bool by_policy(const Error& error, std::string_view words) {
  return error.kind == Error::Kind::forbidden &&
         error.message.find("'portcullis-request-create'") != std::string::npos &&
         error.message.find(words) != std::string::npos;
}

bool no_answer(const Error& error) {
  return error.kind == Error::Kind::unavailable || error.kind == Error::Kind::timeout ||
         error.kind == Error::Kind::throttled || error.kind == Error::Kind::cancelled;
}

}  // namespace

AdmissionGuard::AdmissionGuard(World& world, kube::Client& client, std::string ns)
    : world_(world), client_(client), ns_(std::move(ns)) {}

Task<void> AdmissionGuard::run() {
  while (!stopped_) {
    take(co_await prove());
    if (stopped_) co_return;
    co_await world_.clock.sleep_for(problem_.empty() ? prove_again : retry, &wake_);
  }
}

void AdmissionGuard::stop() {
  stopped_ = true;
  wake_.notify();
}

Task<AdmissionGuard::Proof> AdmissionGuard::prove() {
  // Who lacks the verb is refused, by the policy and not by anything else ...
  const auto denied =
      co_await client_.create(requests, ns_, forged_request(denied_policy), {.dry_run = true});
  if (denied) co_return doubt("a request without the verb was let in");
  if (no_answer(denied.error())) co_return unanswered(denied.error());
  if (!by_policy(denied.error(), "lacks the verb")) co_return doubt(denied.error().message);

  // ... and who has it is either stamped with their own name or refused for the forged one.
  const auto stamped =
      co_await client_.create(requests, ns_, forged_request(allowed_policy), {.dry_run = true});
  if (stamped) {
    const auto who = stamped->value("/spec/requester/username"_json_pointer, std::string());
    if (who != world_.operator_name) co_return doubt("a forged requester was let in: " + who);
  } else if (no_answer(stamped.error())) {
    co_return unanswered(stamped.error());
  } else if (!by_policy(stamped.error(), "spec.requester.username must be")) {
    co_return doubt(stamped.error().message);
  }
  problem_.clear();
  co_return Proof::holds;
}

AdmissionGuard::Proof AdmissionGuard::doubt(std::string what) {
  problem_ = "the admission policies of manifests/admission are missing or changed: " + what;
  return Proof::fails;
}

AdmissionGuard::Proof AdmissionGuard::unanswered(const Error& error) {
  problem_ = "the admission policies could not be tried: " + error.message;
  return Proof::unknown;
}

void AdmissionGuard::take(Proof proof) {
  GuardView& view = world_.guard;
  const TimePoint now = world_.clock.now();
  const bool was = view.holds;
  if (proof == Proof::holds) {
    // What came in between was stamped by nobody.
    if (view.lost) view.distrust_before = now;
    proven_at_ = now;
  }
  view.holds =
      proof == Proof::holds || (proof == Proof::unknown && was && now - proven_at_ < believed_for);
  view.lost = !view.holds && (was || view.lost || proof == Proof::fails);
  view.problem = view.holds ? "" : problem_;
  if (view.holds == was && view.told) return;
  view.told = true;
  log::write(view.holds ? log::Level::info : log::Level::error,
             view.holds ? "admission guards hold" : "admission guards do not hold",
             {{"problem", view.problem}});
  wake_everybody();
}

void AdmissionGuard::wake_everybody() {
  for (const auto& [key, account] : world_.stores.accounts.all()) world_.account_queue.add(key);
  for (const auto& [key, request] : world_.stores.requests.all()) {
    if (request->status.state.empty() || request->status.state == "Pending") {
      world_.request_queue.add(key);
    }
  }
}

}  // namespace portcullis::controllers
