#include "controllers/admission_guard.hpp"

#include <algorithm>

#include "api/decode.hpp"
#include "base/log.hpp"
#include "controllers/guard_probe.hpp"
#include "controllers/resources.hpp"

namespace portcullis::controllers {
namespace {

constexpr Duration prove_again = std::chrono::seconds(60);
constexpr Duration retry = std::chrono::seconds(1);
// An API server that does not answer proves nothing either way, but not for ever.
constexpr Duration believed_for = std::chrono::seconds(90);

const std::string changed_words =
    "the admission policies of manifests/admission are missing or changed: ";

}  // namespace

AdmissionGuard::Watch::Watch(const GuardBook& book, GuardKind kind)
    : store(
          api::key_of,
          [&book, kind](simdjson::dom::element object) -> Result<SeenGuard> {
            return book.read(kind, object);
          },
          [](const std::string&, const Error&) {}) {}

AdmissionGuard::AdmissionGuard(World& world, kube::Client& client, std::string ns, Spawn spawn,
                               std::uint64_t jitter_seed)
    : world_(world),
      client_(client),
      ns_(std::move(ns)),
      spawn_(std::move(spawn)),
      jitter_seed_(jitter_seed),
      book_(shipped_guards(world.operator_name)),
      watches_{Watch(book_, GuardKind::policy), Watch(book_, GuardKind::binding),
               Watch(book_, GuardKind::mutation), Watch(book_, GuardKind::mutation_binding)} {
  for (Watch& each : watches_) {
    each.store.when_synced([this] { watched(); });
    each.store.listen([this](const std::string&, const auto& before, const auto& after) {
      if ((before && before->ours) || (after && after->ours)) watched();
    });
  }
}

Task<void> AdmissionGuard::run() {
  co_await load_record();
  while (!stopped_) {
    const std::uint64_t lapses = lapses_;
    const Proof proof = co_await prove();
    if (stopped_) co_return;
    // What was proven before the watches saw a lapse says nothing of the time after it.
    take(lapses == lapses_ ? proof : Proof::unknown);
    co_await store_record();
    if (stopped_) co_return;
    co_await world_.clock.sleep_for(world_.guard.holds ? prove_again : retry, &wake_);
  }
}

void AdmissionGuard::stop() {
  stopped_ = true;
  for (Watch& each : watches_) {
    if (each.reflector) each.reflector->stop();
  }
  wake_.notify();
}

// ---- what the next operator must know

Task<void> AdmissionGuard::load_record() {
  while (!stopped_) {
    auto record = co_await load_guard_record(client_, ns_);
    if (record) recorded_ = std::move(*record);
    // Without the right to read it, it is as if there were none.
    if (record || record.error().kind == Error::Kind::forbidden || stopped_) co_return;
    take(unanswered("looked up", record.error()));
    co_await world_.clock.sleep_for(retry, &wake_);
  }
}

Task<void> AdmissionGuard::store_record() {
  const GuardView& view = world_.guard;
  if (!view.holds && !view.lost) co_return;
  GuardRecord record;
  if (view.holds) record.fingerprint = book_.fingerprint();
  record.trusted_from = std::chrono::ceil<std::chrono::seconds>(view.distrust_before);
  if (recorded_ == record) co_return;
  const auto stored = co_await store_guard_record(client_, ns_, record);
  if (stored) recorded_ = std::move(record);
  // The next operator will then trust nothing from before its start.
  if (const bool failed_before = std::exchange(record_fails_, !stored); !stored && !failed_before) {
    log::warning("what is known of the admission guards cannot be recorded",
                 {{"lease", ns_ + "/portcullis-guards"}, {"error", stored.error().message}});
  }
}

// ---- the watches

void AdmissionGuard::watch(GuardKind kind) {
  Watch& of_kind = watches_.at(static_cast<std::size_t>(kind));
  if (of_kind.reflector || stopped_) return;
  of_kind.reflector = std::make_unique<kube::Reflector>(
      client_, resource_of(kind), of_kind.store, jitter_seed_ + static_cast<std::size_t>(kind));
  spawn_(of_kind.reflector->run());
}

bool AdmissionGuard::synced() const {
  return std::ranges::all_of(guard_kinds, [this](GuardKind kind) {
    return watches_.at(static_cast<std::size_t>(kind)).store.synced() ||
           (is_mutating(kind) && !mutating_);
  });
}

const SeenGuard* AdmissionGuard::look(const GuardName& name) const {
  return watches_.at(static_cast<std::size_t>(name.kind)).store.find(name.name).get();
}

/// Something about our objects may have changed.
void AdmissionGuard::watched() {
  if (!synced()) return;
  const GuardBook::Look look_up = [this](const GuardName& name) { return look(name); };
  const bool was_wrong = watch_problem_.has_value();
  watch_problem_ = book_.find_problem(look_up, mutating_);
  if (!watch_problem_) {
    remember(look_up);
  } else if (!was_wrong) {
    // Nothing that was proven before counts any more.
    ++lapses_;
    proof_ = Proof::fails;
    proof_problem_ = "the admission policies are back, and not proven to work yet";
  }
  judge();
  if (was_wrong || watch_problem_) wake_.notify();
}

// ---- the proofs

Task<AdmissionGuard::Proof> AdmissionGuard::prove() {
  const Proof objects = co_await prove_objects();
  if (objects != Proof::holds) co_return objects;
  const Proof effect = co_await prove_effect();
  if (effect == Proof::holds) proof_problem_.clear();
  co_return effect;
}

Task<AdmissionGuard::Proof> AdmissionGuard::prove_objects() {
  const auto reading = co_await read_guards(client_, book_);
  if (!reading) co_return unanswered("read", reading.error());
  mutating_ = reading->mutating;
  for (const GuardKind kind : guard_kinds) {
    if (!is_mutating(kind) || mutating_) watch(kind);
  }
  if (const auto problem = book_.find_problem(reading->look(), mutating_)) {
    co_return doubt(*problem);
  }
  remember(reading->look());
  co_return Proof::holds;
}

Task<AdmissionGuard::Proof> AdmissionGuard::prove_effect() {
  const auto me = co_await client_.who_am_i();
  if (!me) co_return unanswered("tried", me.error());

  // Who lacks the verb is refused, by the policy and not by anything else, also under their true
  // name: without stamps that is asked first.
  const auto denied = judge_denied(
      co_await client_.create(requests, ns_, probe_request(denied_policy, *me), {.dry_run = true}));
  if (denied.unanswered) co_return unanswered("tried", *denied.unanswered);
  if (!denied.problem.empty()) co_return doubt(denied.problem);

  // ... and who has it is either stamped with their own name or refused for the forged one.
  const auto forged = judge_forged(
      co_await client_.create(requests, ns_, probe_request(allowed_policy, forged_requester()),
                              {.dry_run = true}),
      me->username);
  if (forged.unanswered) co_return unanswered("tried", *forged.unanswered);
  if (!forged.problem.empty()) co_return doubt(forged.problem);
  co_return Proof::holds;
}

AdmissionGuard::Proof AdmissionGuard::doubt(std::string what) {
  proof_problem_ = changed_words + what;
  return Proof::fails;
}

AdmissionGuard::Proof AdmissionGuard::unanswered(std::string what, const Error& error) {
  proof_problem_ = "the admission policies could not be " + what + ": " + error.message;
  return Proof::unknown;
}

// ---- what follows

void AdmissionGuard::take(Proof proof) {
  ++tries_;
  const TimePoint now = world_.clock.now();
  if (proof == Proof::holds) proven_at_ = now;
  const bool still_believed =
      proof == Proof::unknown && proof_ == Proof::holds && now - proven_at_ < believed_for;
  if (!still_believed) proof_ = proof;
  judge();
}

/// What moved did lapse. What an operator finds at its start is what the last one saw; else it may
/// have been edited a moment ago: an edit that is undone leaves a generation, but no time.
void AdmissionGuard::remember(const GuardBook::Look& look) {
  const TimePoint now = world_.clock.now();
  const auto change = book_.remember(look, mutating_);
  if (change.edited) distrust(now + guard_settles);
  if (!change.first) return;
  if (recorded_ && recorded_->fingerprint == book_.fingerprint()) {
    distrust(recorded_->trusted_from);
  } else if (!recorded_ && change.original) {
    distrust(change.written + guard_settles);
  } else {
    distrust(now + guard_settles);
  }
}

void AdmissionGuard::distrust(TimePoint before) {
  if (before <= world_.guard.distrust_before) return;
  world_.guard.distrust_before = before;
  log::info("undecided requests from before the admission guards are refused",
            {{"before", format_rfc3339(before)}});
  wake_everybody();
}

void AdmissionGuard::judge() {
  GuardView& view = world_.guard;
  const bool was = view.holds;
  view.holds = synced() && !watch_problem_ && proof_ == Proof::holds;
  // At the start there is nothing to tell before the first proof, and before the watches had time.
  const bool begins = tries_ == 0 || (tries_ == 1 && proof_ == Proof::holds);
  if (view.holds) {
    // What came in between was stamped by nobody.
    if (view.lost) distrust(world_.clock.now() + guard_settles);
    view.lost = false;
    view.problem.clear();
  } else {
    view.lost = view.lost || was || watch_problem_.has_value() || proof_ == Proof::fails;
    if (begins && !view.lost) return;
    view.problem = watch_problem_            ? changed_words + *watch_problem_
                   : !proof_problem_.empty() ? proof_problem_
                                             : "the admission policies cannot be watched yet";
  }
  if (view.holds == was && view.told) return;
  view.told = true;
  log::write(view.holds ? log::Level::info : log::Level::error,
             view.holds ? "admission guards hold" : "admission guards do not hold",
             {{"problem", view.problem}});
  wake_everybody();
}

void AdmissionGuard::wake_everybody() {
  for (const auto& account : world_.stores.accounts.all()) {
    world_.account_queue.add(account->meta.key());
  }
  for (const auto& request : world_.stores.requests.all()) {
    if (request->status.state.empty() || request->status.state == "Pending") {
      world_.request_queue.add(request->meta.key());
    }
  }
}

}  // namespace portcullis::controllers
