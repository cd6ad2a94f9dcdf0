#include "kube/lease.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "kube/status.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Kind = Error::Kind;

/// Records come from anybody who may write Leases: theirs is not to keep us out for years.
constexpr Duration longest_record = 5min;

/// What client-go writes as well.
constexpr std::int64_t given_back_seconds = 1;

const Resource& leases() {
  static const Resource resource{
      .group = "coordination.k8s.io", .version = "v1", .plural = "leases", .kind = "Lease"};
  return resource;
}

json spec_of(const json& lease) {
  const auto spec = lease.find("spec");
  return spec != lease.end() && spec->is_object() ? *spec : json::object();
}

std::string text_of(const json& spec, const char* key) {
  const auto found = spec.find(key);
  return found != spec.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_of(const json& spec, const char* key) {
  const auto found = spec.find(key);
  return found != spec.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

/// Nobody answered, and nobody would answer another call at once.
bool is_silence(const Error& error) {
  return error.kind == Kind::timeout || error.kind == Kind::cancelled;
}

}  // namespace

Elector::Elector(Client& client, LeaseOptions options, std::uint64_t jitter_seed)
    : client_(client),
      options_(std::move(options)),
      random_(static_cast<std::minstd_rand::result_type>(jitter_seed)) {}

void Elector::stop(Duration within) {
  stop_by_ = std::min(stop_by_, client_.clock().boot_now() + within);
  stop_.request();
}

bool Elector::holds_for(Duration margin) const {
  return client_.clock().boot_now() + margin < held_until_;
}

/// Who leads must know by renew_deadline whether he still does.
Duration Elector::call_limit() const {
  const Duration limit = std::max<Duration>(1s, options_.renew_deadline / 2);
  if (stop_.requested()) {
    return std::clamp<Duration>(stop_by_ - client_.clock().boot_now(), 1ms, limit);
  }
  if (held_.is_null()) return limit;
  return std::clamp<Duration>(renewed_at_ + options_.renew_deadline - client_.clock().boot_now(),
                              1ms, limit);
}

bool Elector::is_late() const {
  return client_.clock().boot_now() - renewed_at_ >= options_.renew_deadline;
}

Task<Result<Done>> Elector::acquire() { co_return co_await keep_trying(true); }

Task<Result<Done>> Elector::acquire_again() { co_return co_await keep_trying(false); }

Task<Result<Done>> Elector::keep_trying(bool wait_for_others) {
  if (options_.identity.empty()) co_return fail(Kind::invalid, "leader election needs an identity");
  if (options_.lease_duration <= options_.renew_deadline ||
      options_.renew_deadline * 10 <= options_.retry_period * 12) {
    co_return fail(Kind::invalid,
                   "leader election needs lease duration > renew deadline > 1.2 retry period");
  }
  for (;;) {
    if (stop_.requested()) co_return fail(Kind::cancelled, "stopped");
    const auto got = co_await try_once();
    trouble_.reset();
    if (!got && got.error().kind != Kind::conflict) trouble_ = got.error();
    if (got && stop_.requested()) {
      co_await release();
      co_return fail(Kind::cancelled, "stopped");
    }
    if (got) {
      log::info("Became leader", {{"lease", options_.name}, {"identity", options_.identity}});
      co_return Done{};
    }
    log::debug("Not the leader", {{"lease", options_.name}, {"why", got.error().message}});
    if (!wait_for_others && !holder_.empty() && holder_ != options_.identity) {
      co_return fail(Kind::conflict, fmt::format("held by {}", holder_));
    }
    co_await stop_.sleep(client_.clock(), pause());
  }
}

/// Until the next try: a crowd that waits for one lease spreads. Never past the moment at which the
/// record runs out: each second between that and the next look is one in which nobody leads.
Duration Elector::pause() {
  const auto part = std::uniform_real_distribution<double>(0.5, 1)(random_);
  const Duration pause(
      static_cast<Duration::rep>(static_cast<double>(options_.retry_period.count()) * part));
  const Duration left = observed_at_ + observed_duration_ - client_.clock().boot_now();
  return is_free() || left >= pause ? pause : left;
}

Task<Result<Done>> Elector::hold() {
  Error problem{.kind = Kind::timeout, .message = "no time to renew it"};
  for (;;) {
    co_await stop_.sleep(client_.clock(), options_.retry_period);
    if (stop_.requested()) {
      co_await release();
      co_return Done{};
    }
    // After a long sleep of the machine others may have led meanwhile: that is no renewal.
    if (!is_late()) {
      const auto renewed = co_await renew();
      if (!renewed) unanswered_ = is_silence(renewed.error());
      if (renewed && !is_late()) continue;
      if (!renewed) problem = renewed.error();
    }
    const bool taken = held_.is_null();
    if (!is_late() && !taken) {
      log::info("Lease not renewed", {{"lease", options_.name}, {"why", problem.message}});
      continue;
    }
    held_ = nullptr;
    held_until_ = {};
    log::warning("Stopped leading", {{"lease", options_.name}, {"why", problem.message}});
    co_return fail(taken ? Kind::conflict : Kind::timeout,
                   "the lease was lost: " + problem.message);
  }
}

/// One attempt to get it.
Task<Result<Done>> Elector::try_once() {
  const ObjectName name{.ns = options_.ns, .name = options_.name};
  auto lease = co_await client_.get(leases(), name, call_limit());
  const bool missing = !lease && lease.error().kind == Kind::not_found;
  if (!lease && !missing) co_return fail(lease.error());
  if (lease) observe(*lease);
  if (!is_free()) {
    co_return fail(Kind::conflict,
                   fmt::format("held by {}{}", holder_, missing ? ", although it is gone" : ""));
  }
  if (missing) co_return co_await create();
  co_return co_await take(std::move(*lease));
}

/// One attempt to keep it.
Task<Result<Done>> Elector::renew() {
  // The version that we wrote makes the write conditional: no read is needed while all is well.
  auto renewed = co_await take(held_);
  if (renewed ||
      (renewed.error().kind != Kind::conflict && renewed.error().kind != Kind::not_found)) {
    co_return renewed;
  }
  const ObjectName name{.ns = options_.ns, .name = options_.name};
  auto lease = co_await client_.get(leases(), name, call_limit());
  if (!lease && lease.error().kind == Kind::not_found) co_return co_await create();
  if (!lease) co_return fail(lease.error());
  observe(*lease);
  const std::string holder = text_of(spec_of(*lease), "holderIdentity");
  if (holder != options_.identity) {
    holder_ = holder;
    held_ = nullptr;
    co_return fail(Kind::conflict, holder.empty() ? "taken away" : "held by " + holder);
  }
  co_return co_await take(std::move(*lease));
}

void Elector::observe(const json& lease) {
  const json spec = spec_of(lease);
  auto record = to_text(spec);
  if (record && *record == observed_record_) return;
  observed_record_ = record ? std::move(*record) : std::string();
  const std::string holder = text_of(spec, "holderIdentity");
  const auto seconds = std::clamp<std::int64_t>(number_of(spec, "leaseDurationSeconds"), 0, 3600);
  // Who gives it back makes it short. Emptied by hand it is still the one's who does not know yet.
  if (holder.empty() && seconds > given_back_seconds && !is_free()) return;
  holder_ = holder;
  observed_at_ = client_.clock().boot_now();
  // Shorter than ours is not believed either: it would take the lease from a leader that lives.
  observed_duration_ = std::max(options_.lease_duration,
                                std::min<Duration>(std::chrono::seconds(seconds), longest_record));
}

bool Elector::is_free() const {
  return holder_.empty() || holder_ == options_.identity ||
         client_.clock().boot_now() >= observed_at_ + observed_duration_;
}

json Elector::new_spec(const json& old) const {
  json spec = old;
  const std::string now = format_micro_time(client_.clock().now());
  const auto duration = std::chrono::ceil<std::chrono::seconds>(options_.lease_duration);
  const bool renewal = text_of(old, "holderIdentity") == options_.identity;
  spec["holderIdentity"] = options_.identity;
  spec["leaseDurationSeconds"] = duration.count();
  spec["renewTime"] = now;
  if (!renewal || text_of(old, "acquireTime").empty()) spec["acquireTime"] = now;
  const auto transitions = std::clamp<std::int64_t>(number_of(old, "leaseTransitions"), 0, 1 << 30);
  spec["leaseTransitions"] = renewal ? transitions : transitions + 1;
  return spec;
}

Task<Result<Done>> Elector::create() {
  json spec = new_spec(json::object());
  spec["leaseTransitions"] = 0;
  json body{{"metadata", {{"name", options_.name}}}, {"spec", std::move(spec)}};
  const BootTime asked_at = client_.clock().boot_now();
  WriteOptions write;
  write.deadline = call_limit();
  auto made = co_await client_.create(leases(), options_.ns, std::move(body), write);
  if (!made) co_return fail(made.error());
  won(std::move(*made), asked_at);
  co_return Done{};
}

Task<Result<Done>> Elector::take(json lease) {
  lease["spec"] = new_spec(spec_of(lease));
  const BootTime asked_at = client_.clock().boot_now();
  const ObjectName name{.ns = options_.ns, .name = options_.name};
  auto taken = co_await client_.replace(leases(), name, std::move(lease), call_limit());
  if (!taken) co_return fail(taken.error());
  won(std::move(*taken), asked_at);
  co_return Done{};
}

void Elector::won(json lease, BootTime asked_at) {
  observe(lease);
  held_ = std::move(lease);
  unanswered_ = false;
  renewed_at_ = asked_at;
  // Others count from when they saw our record, which is later than when we sent it.
  held_until_ = asked_at + options_.lease_duration;
}

/// Gives the lease back, so that the next leader need not wait for its end.
Task<void> Elector::release() {
  const ObjectName name{.ns = options_.ns, .name = options_.name};
  held_until_ = {};
  if (unanswered_) {
    log::info("The lease is left to run out: nobody answers", {{"lease", options_.name}});
    held_ = nullptr;
  }
  for (int attempt = 0; attempt < 3 && !held_.is_null(); ++attempt) {
    json lease = std::exchange(held_, nullptr);
    if (attempt > 0) {
      auto seen = co_await client_.get(leases(), name, call_limit());
      if (!seen) break;
      lease = std::move(*seen);
    }
    json spec = spec_of(lease);
    if (text_of(spec, "holderIdentity") != options_.identity) break;
    spec["holderIdentity"] = "";
    spec["leaseDurationSeconds"] = given_back_seconds;
    spec["renewTime"] = format_micro_time(client_.clock().now());
    lease["spec"] = std::move(spec);
    const auto released = co_await client_.replace(leases(), name, lease, call_limit());
    if (released) {
      log::info("Gave the lease back", {{"lease", options_.name}});
      break;
    }
    if (released.error().kind == Kind::conflict) held_ = std::move(lease);
  }
  held_ = nullptr;
}

}  // namespace portcullis::kube
