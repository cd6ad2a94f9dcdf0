#include "cloud/token_provider.hpp"

#include <algorithm>

namespace portcullis::cloud {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration renewal_patience = seconds(5);   // while an old token still serves
constexpr Duration renewal_interval = seconds(30);  // between such tries
constexpr Duration forced_interval = seconds(10);
constexpr Duration longest_told = minutes(5);  // a closing waits no longer, whoever says so
constexpr Duration longest_untold = seconds(30);

Duration time_to_renewal(Duration life) {
  return std::min(life * 4 / 5, std::max(life - minutes(5), life / 2));
}

}  // namespace

Task<Result<Secret>> TokenProvider::token(Duration deadline) {
  const BootTime end = clock_.boot_now() + deadline;
  while (true) {
    const BootTime now = clock_.boot_now();
    const bool old_one_serves = usable();
    if (old_one_serves && (now < renewal_due_ || exchanging_ || now < next_try_)) co_return value_;
    if (now >= end) co_return fail(Error::Kind::timeout, "no token in time");

    if (exchanging_) {
      const auto waited = co_await wait_for_exchange(end - now);
      if (!waited) co_return fail(waited.error());
      continue;
    }
    if (!old_one_serves && now < not_before_) {
      const auto rested = co_await rest(end);
      if (!rested) co_return fail(rested.error());
      continue;
    }
    const auto got =
        co_await exchange(old_one_serves ? std::min(end - now, renewal_patience) : end - now);
    if (!got && !usable()) co_return fail(got.error());
    if (!got) next_try_ = std::max(clock_.boot_now() + renewal_interval, not_before_);
  }
}

Task<Result<Secret>> TokenProvider::renew(Secret refused, Duration deadline) {
  if (value_ == refused) {
    const BootTime now = clock_.boot_now();
    if (forced_ && now - *forced_ < forced_interval) {
      co_return fail(Error::Kind::unauthorized, "the cloud refused a token that was just renewed");
    }
    forced_ = now;
    value_ = Secret();
  }
  co_return co_await token(deadline);
}

Task<Result<Done>> TokenProvider::wait_for_exchange(Duration deadline) {
  Wake wake;
  const std::uint64_t before = ended_exchanges_;
  const auto self = waiting_.insert(waiting_.end(), &wake);
  const auto slept = co_await pauses_.sleep(deadline, wake);
  waiting_.erase(self);
  if (!slept) co_return slept;
  if (ended_exchanges_ == before) co_return fail(Error::Kind::timeout, "no token in time");
  // Whoever had less time than we have may have given up too early for us.
  if (failure_ && failure_->kind != Error::Kind::timeout) co_return fail(*failure_);
  co_return Done{};
}

Task<Result<Done>> TokenProvider::rest(BootTime end) {
  const BootTime now = clock_.boot_now();
  const Duration left = not_before_ - now;
  if (left > (end - now) / 2) {
    Error again = *failure_;
    again.retry_after = left;
    co_return fail(std::move(again));
  }
  co_return co_await pauses_.sleep(left);
}

/// Who had too little time, or was stopped, has not heard the service's answer.
void TokenProvider::note_failure(const Error& error) {
  if (error.kind == Error::Kind::timeout || error.kind == Error::Kind::cancelled) return;
  const Duration untold = std::min<Duration>(longest_untold, seconds(1) * (1 << failures_));
  failures_ = std::min(failures_ + 1, 5);
  not_before_ = clock_.boot_now() + std::min(error.retry_after.value_or(untold), longest_told);
}

Task<Result<Done>> TokenProvider::exchange(Duration deadline) {
  exchanging_ = true;
  const BootTime asked = clock_.boot_now();
  auto token = co_await credential_.exchange(deadline);
  exchanging_ = false;
  ++ended_exchanges_;

  failure_ = token ? std::nullopt : std::optional(token.error());
  if (token) {
    value_ = std::move(token->value);
    renewal_due_ = asked + time_to_renewal(token->lifetime);
    ends_ = asked + token->lifetime;
    next_try_ = {};
    not_before_ = {};
    failures_ = 0;
  } else {
    note_failure(token.error());
  }
  const std::list<Wake*> waiting = waiting_;  // a woken one leaves the list
  for (Wake* one : waiting) one->notify();
  if (failure_) co_return fail(*failure_);
  co_return Done{};
}

}  // namespace portcullis::cloud
