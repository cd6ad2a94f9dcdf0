#include "app/reap.hpp"

#include <iostream>

#include "app/complaint.hpp"
#include "app/failure.hpp"
#include "app/providers.hpp"
#include "app/reaper.hpp"
#include "base/log.hpp"
#include "base/system_clock.hpp"

namespace portcullis::app {
namespace {

// What the cloud was told already may end for so long once we are stopping.
constexpr Duration drain_time = std::chrono::seconds(5);

model::Credential credential_of(const std::string& word) {
  if (word == "managed-identity") return model::Credential::managed_identity;
  if (word == "client-secret") return model::Credential::client_secret;
  return model::Credential::workload_identity;
}

model::CloudAccount account_of(const ReapOptions& options) {
  model::CloudAccount account;
  account.subscription = options.subscription;
  account.tenant = options.tenant;
  account.environment = options.environment;
  account.credential = credential_of(options.credential);
  return account;
}

Reaper::Order order_of(const ReapOptions& options) {
  return {.subscription = options.subscription,
          .rules = {.instance = options.instance, .unexpired = options.all, .locks = options.locks},
          .resource_groups = options.resource_groups,
          .dry_run = options.dry_run};
}

/// The command while it runs: what ends it, and what it prints.
class Reaping {
 public:
  Reaping(asio::io_context& io, SystemClock& clock, const ReapOptions& options,
          Providers& providers, cloud::Provider& provider)
      : io_(io),
        clock_(clock),
        options_(options),
        providers_(providers),
        signals_(io, SIGINT, SIGTERM),
        reaper_(
            provider, clock,
            [&clock] {
              return plan::ReapTime{
                  .now = clock.now(), .latest = clock.latest(), .proven = clock.heard_a_date()};
            },
            order_of(options), [this](const ReapLine& line) { print(line); }) {}

  int run() {
    wait_for_signal();
    spawn(watch_time());
    spawn(work());
    io_.run();
    return code_;
  }

 private:
  void spawn(Task<void> task) {
    asio::co_spawn(io_, failure_of(std::move(task)),
                   [this](const std::exception_ptr&, const std::optional<std::string>& failure) {
                     if (!failure) return;
                     log::error("internal error", {{"error", *failure}});
                     code_ = exit_code::internal;
                     finish();
                   });
  }

  void wait_for_signal() {
    signals_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      if (std::exchange(stopping_, true)) {
        providers_.close();
        return;
      }
      reaper_.stop("stopped by a signal before the end");
      wake_.notify();
      wait_for_signal();
    });
  }

  /// Ends it at the deadline; after that, or after a signal, ends what does not end by itself.
  Task<void> watch_time() {
    const BootTime deadline = clock_.boot_now() + options_.timeout;
    while (!stopping_ && !finished_ && clock_.boot_now() < deadline) {
      co_await clock_.sleep_for(deadline - clock_.boot_now(), &wake_);
    }
    if (finished_) co_return;
    stopping_ = true;
    reaper_.stop("stopped after " + format_duration(options_.timeout) + " (--timeout)");
    const BootTime cut_off = clock_.boot_now() + drain_time;
    while (!finished_ && clock_.boot_now() < cut_off) {
      co_await clock_.sleep_for(cut_off - clock_.boot_now(), &wake_);
    }
    if (!finished_) providers_.close();
  }

  Task<void> work() {
    const ReapReport report = co_await reaper_.run();
    if (options_.output == Output::json) {
      std::cout << to_json(report).dump(2) << std::endl;
    } else {
      std::cout << summary_of(report) << std::flush;
    }
    code_ = std::cout ? exit_code_of(report) : exit_code::internal;
    finish();
  }

  void print(const ReapLine& line) const {
    if (options_.output == Output::text) std::cout << to_text(line) << std::endl;
  }

  void finish() {
    finished_ = true;
    providers_.close();
    signals_.cancel();
    wake_.notify();
  }

  asio::io_context& io_;
  SystemClock& clock_;
  const ReapOptions& options_;
  Providers& providers_;
  asio::signal_set signals_;
  Reaper reaper_;
  Wake wake_;
  bool stopping_ = false;
  bool finished_ = false;
  int code_ = exit_code::internal;
};

}  // namespace

int run_reap(const ReapOptions& options) {
  asio::io_context io(1);
  SystemClock clock;
  auto ca_pem = load_azure_files(options.azure);
  if (!ca_pem) return complain(exit_code::configuration, ca_pem.error());
  CloudCalls calls;
  Providers providers(io, clock, options.azure, std::move(*ca_pem), calls, "reap");
  const auto provider = providers.of(account_of(options));
  if (!provider) return complain(exit_code::usage, provider.error());
  Reaping reaping(io, clock, options, providers, **provider);
  return reaping.run();
}

}  // namespace portcullis::app
