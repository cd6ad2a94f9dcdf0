#include "controllers/admission_guard.hpp"

#include "base/log.hpp"
#include "controllers/resources.hpp"

namespace portcullis::controllers {
namespace {

constexpr Duration prove_again = std::chrono::seconds(60);
constexpr Duration retry = std::chrono::seconds(1);
// An API server that does not answer proves nothing either way, but not for ever.
constexpr Duration believed_for = std::chrono::seconds(90);

/// Valid in every field, so that only a guard can refuse it; a policy of this name is nobody's.
nlohmann::json forged_request() {
  return {{"apiVersion", std::string(api::group) + "/" + api::version},
          {"kind", "AccessRequest"},
          {"metadata", {{"name", "portcullis-guard-probe"}}},
          {"spec",
           {{"policyRef", {{"name", "portcullis-guard-probe"}}},
            {"targets", {"probe"}},
            {"ports", {{{"port", 22}, {"protocol", "TCP"}}}},
            {"sources", {"192.0.2.1/32"}},
            {"duration", "1m"},
            {"reason", "proves that the admission policies are in force"},
            {"requester",
             {{"username", "portcullis:forged"}, {"uid", "forged"}, {"groups", {"forged"}}}}}}};
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
  const auto answer = co_await client_.create(requests, ns_, forged_request(), {.dry_run = true});
  if (answer) {
    problem_ =
        "a request under a forged name was let in: the admission policies of "
        "manifests/admission are missing or changed";
    co_return Proof::fails;
  }
  const Error& error = answer.error();
  const bool by_policy = error.message.find("ValidatingAdmissionPolicy") != std::string::npos;
  if (error.kind == Error::Kind::forbidden && by_policy) {
    problem_.clear();
    co_return Proof::holds;
  }
  problem_ = "the probe of the admission policies was not answered by them: " + error.message;
  const bool no_answer =
      error.kind == Error::Kind::unavailable || error.kind == Error::Kind::timeout ||
      error.kind == Error::Kind::throttled || error.kind == Error::Kind::cancelled;
  co_return no_answer ? Proof::unknown : Proof::fails;
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
  view.lost = !view.holds && (was || view.lost);
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
