#include "app/operator.hpp"

#include <algorithm>
#include <array>

#include "app/clock_readings.hpp"
#include "app/complaint.hpp"
#include "app/connection.hpp"
#include "app/endpoints.hpp"
#include "app/failure.hpp"
#include "app/housekeeping.hpp"
#include "app/identity.hpp"
#include "app/metrics.hpp"
#include "app/providers.hpp"
#include "app/vitals.hpp"
#include "app/watches.hpp"
#include "app/workforce.hpp"
#include "base/log.hpp"
#include "base/system_clock.hpp"
#include "controllers/account_reconciler.hpp"
#include "controllers/admission_guard.hpp"
#include "controllers/clock_watch.hpp"
#include "controllers/group_reconciler.hpp"
#include "controllers/inventory_reconciler.hpp"
#include "controllers/policy_reconciler.hpp"
#include "controllers/request_reconciler.hpp"
#include "controllers/wiring.hpp"
#include "kube/lease.hpp"

namespace portcullis::app {
namespace {

// What is sent while we hold the lease ends while we do.
static_assert(kube::call_deadline() < lease_margin);
static_assert(cloud::AzureLimits{}.write_deadline < lease_margin);
// Passes that run when the signal comes may finish for so long.
constexpr Duration drain_time = std::chrono::seconds(5);
// So may Events that have not gone out yet.
constexpr Duration events_time = std::chrono::seconds(2);

/// Everything that runs. Built bottom-up, stopped in reverse, and destroyed only when no coroutine
/// is left.
class Operator {
 public:
  Operator(asio::io_context& io, SystemClock& clock, const OperatorOptions& options,
           Connection connection, std::string ca_pem)
      : io_(io),
        clock_(clock),
        options_(options),
        connection_(std::move(connection)),
        identity_(make_identity(options.identity)),
        providers_(io, clock, options_.azure, std::move(ca_pem), cloud_calls_, identity_) {}

  int run() {
    auto endpoints = Endpoints::open(
        io_, clock_, options_.health_listen, options_.metrics_listen,
        [this] { return judge_health({failed_, stopping_, elector_.get(), world_.get()}); },
        [this] { return render_metrics(metric_sources()); });
    if (!endpoints) {
      io_.run();  // what was opened already comes to its end
      return complain(exit_code::configuration, endpoints.error());
    }
    endpoints_ = std::move(*endpoints);
    asio::signal_set signals(io_, SIGINT, SIGTERM);
    signals.async_wait([this](boost::system::error_code error, int number) {
      if (!error) {
        log::info("stopping", {{"signal", number}});
        begin_stop();
      }
    });
    spawn(main(&signals));
    spawn(housekeeping_.run());
    io_.run();
    return code_;
  }

 private:
  MetricSources metric_sources() const {
    MetricSources sources{.now = clock_.now(),
                          .leads = elector_ && elector_->holds_for(Duration(0)),
                          .world = world_.get(),
                          .skews = clock_.skews(),
                          .cloud = &cloud_calls_,
                          .budgets = &providers_.budgets()};
    for (const auto& controller : workforce_.controllers()) {
      sources.controllers.push_back(controller.get());
    }
    if (watches_) sources.watches = watches_->last_heard();
    return sources;
  }

  void spawn(Task<void> task) {
    asio::co_spawn(io_, failure_of(std::move(task)),
                   [this](const std::exception_ptr&, const std::optional<std::string>& failure) {
                     if (failure) fail_all(*failure);
                   });
  }

  void fail_all(const std::string& failure) {
    log::error("a part of the operator failed", {{"error", failure}});
    code_ = exit_code::internal;
    failed_ = true;
    begin_stop();
  }

  /// Whatever happens to a part of it, the whole comes to its end: a process that lives and does
  /// nothing would be restarted by nobody.
  Task<void> main(asio::signal_set* signals) {
    if (const auto failure = co_await failure_of(work())) fail_all(*failure);
    begin_stop();
    co_await finish();
    signals->cancel();
  }

  Task<void> work() {
    const auto me = co_await introduce(*connection_.client, options_.instance);
    if (!me) {
      if (!stopping_) code_ = complain_of_refusal(me.error());
    } else if (!stopping_) {
      co_await lead(*me);
    }
  }

  Task<void> lead(Identity me) {
    kube::LeaseOptions lease{.ns = options_.ns,
                             .identity = identity_,
                             .lease_duration = options_.lease_duration,
                             .renew_deadline = options_.renew_deadline,
                             .retry_period = options_.retry_period};
    elector_ = std::make_unique<kube::Elector>(*connection_.lease_client, lease, random_seed());
    log::info("waiting for the lease", {{"user", me.username},
                                        {"instance", me.instance},
                                        {"identity", identity_},
                                        {"version", PORTCULLIS_VERSION}});
    const auto acquired = co_await elector_->acquire();
    if (!acquired || stopping_) {
      if (!stopping_) code_ = complain_of_refusal(acquired.error());
      co_return;
    }
    spawn(start(me));
    for (;;) {
      auto held = co_await elector_->hold();
      if (held || stopping_) co_return;
      if (held.error().kind != Error::Kind::conflict) {
        // The API server does not answer. Ending would leave open what ends meanwhile: without the
        // lease nothing is decided or opened, but what is past its end is closed all the same.
        log::warning("no lease: only what is past its end is closed",
                     {{"error", held.error().message}});
        held = co_await elector_->acquire_again();
        if (stopping_) co_return;
        if (held) {
          wake_all();
          continue;
        }
      }
      log::error("the lease was lost", {{"error", held.error().message}});
      code_ = exit_code::lease_lost;
      co_return;
    }
  }

  int complain_of_refusal(const Error& error) const {
    return complain(exit_code::refused,
                    {.kind = error.kind,
                     .message = net::to_string(connection_.config.origin) +
                                " does not accept our credential: " + error.message});
  }

  /// What was left undone without the lease is looked at again.
  void wake_all() {
    if (!world_) return;
    for (const auto& [key, view] : world_->groups) world_->group_queue.add(key);
    for (const auto& policy : world_->stores.policies.all()) {
      world_->policy_queue.add(policy->meta.key());
    }
    for (const auto& request : world_->stores.requests.all()) {
      world_->request_queue.add(request->meta.key());
    }
  }

  Task<void> start(Identity me) {
    world_ = std::make_unique<controllers::World>(
        clock_, [this](const model::CloudAccount& account) { return providers_.of(account); },
        me.instance);
    world_->operator_name = me.username;
    events_ = std::make_unique<kube::EventSender>(*connection_.client, identity_);
    const auto leads = [this] { return elector_->holds_for(lease_margin); };
    kube::Client& client = *connection_.client;
    accounts_ = std::make_unique<controllers::AccountReconciler>(*world_, client, *events_);
    inventory_ =
        std::make_unique<controllers::InventoryReconciler>(*world_, options_.inventory_period);
    policies_ = std::make_unique<controllers::PolicyReconciler>(*world_, client, *events_);
    requests_ = std::make_unique<controllers::RequestReconciler>(*world_, client, *events_, leads);
    groups_ = std::make_unique<controllers::GroupReconciler>(*world_, client, leads);
    controllers::wire(*world_);

    const auto synced = [this] { synced_.notify(); };
    world_->stores.accounts.when_synced(synced);
    world_->stores.policies.when_synced(synced);
    world_->stores.requests.when_synced(synced);
    world_->stores.decisions.when_synced(synced);
    world_->stores.verdicts.when_synced(synced);
    watches_ = std::make_unique<Watches>(client, world_->stores, spawn_);
    spawn(send_events());
    guard_ = std::make_unique<controllers::AdmissionGuard>(*world_, client, options_.ns, spawn_,
                                                           random_seed());
    spawn(guard_->run());
    world_->clocks.read = [this](const model::CloudAccount& account) {
      return read_clocks(clock_, {.identity = identity_,
                                  .cluster = net::to_string(connection_.config.origin),
                                  .cloud = providers_.origin_of(account)});
    };
    clock_watch_ = std::make_unique<controllers::ClockWatch>(*world_);
    spawn(clock_watch_->run());
    // No decision and no write before everything that could forbid it has been seen.
    while (!stopping_ && !world_->stores.synced()) {
      co_await clock_.sleep_for(std::chrono::hours(1), &synced_);
    }
    if (stopping_) co_return;
    // They wait for the cloud most of the time, and each provider limits its own calls: one that is
    // slow must not hold up the closings of the others. Nor must many openings: some workers do
    // nothing but close.
    workforce_.add({.name = "account", .workers = 8, .gives_way = true}, *accounts_,
                   world_->account_queue);
    workforce_.add({.name = "inventory", .workers = 4, .gives_way = true}, *inventory_,
                   world_->inventory_queue);
    workforce_.add({.name = "policy", .workers = 16}, *policies_, world_->policy_queue);
    workforce_.add({.name = "request", .workers = 64, .closing_workers = 16}, *requests_,
                   world_->request_queue);
    workforce_.add({.name = "group", .workers = 64, .closing_workers = 16}, *groups_,
                   world_->group_queue);
    log::info("ready", {{"accounts", world_->stores.accounts.all().size()},
                        {"policies", world_->stores.policies.all().size()},
                        {"requests", world_->stores.requests.all().size()},
                        {"verdicts", world_->stores.verdicts.all().size()}});
  }

  Task<void> send_events() {
    sending_ = true;
    co_await events_->run();
    sending_ = false;
    idle_.notify();
  }

  /// Nothing new is begun from now on. May be called again.
  void begin_stop() {
    if (std::exchange(stopping_, true)) return;
    stop_by_ = clock_.boot_now() + options_.stop_within;
    connection_.hurry();
    synced_.notify();
    if (world_) {
      for (auto* queue : queues()) queue->stop();
    }
    if (elector_) {
      // The lease is given back only when no pass runs any more: its successor may then act at
      // once.
      spawn(drain());
      spawn(cut_off());
    } else {
      connection_.close();
    }
  }

  Task<void> drain() {
    const BootTime until = std::min(clock_.boot_now() + drain_time, stop_by_);
    while (workforce_.busy() && clock_.boot_now() < until) {
      co_await clock_.sleep_for(until - clock_.boot_now(), &idle_);
    }
    providers_.close();
    elector_->stop(stop_by_ - clock_.boot_now());
  }

  /// Whoever still waits for an answer when the time is up gets none.
  Task<void> cut_off() {
    while (!finished_ && clock_.boot_now() < stop_by_) {
      co_await clock_.sleep_for(stop_by_ - clock_.boot_now(), &cut_off_);
    }
    if (finished_) co_return;
    log::warning("the API server does not answer in time: stopping without it");
    connection_.close();
    providers_.close();
    elector_->stop(Duration(0));
  }

  /// The lease is back (or lost): end what is left.
  Task<void> finish() {
    if (watches_) watches_->stop();
    if (events_) events_->stop();
    if (guard_) guard_->stop();
    if (clock_watch_) clock_watch_->stop();
    housekeeping_.stop();
    providers_.close();
    const BootTime until = std::min(clock_.boot_now() + events_time, stop_by_);
    while (sending_ && clock_.boot_now() < until) {
      co_await clock_.sleep_for(until - clock_.boot_now(), &idle_);
    }
    connection_.close();
    endpoints_->close();
    finished_ = true;
    cut_off_.notify();
  }

  std::array<runtime::Workqueue*, 5> queues() {
    return {&world_->account_queue, &world_->inventory_queue, &world_->policy_queue,
            &world_->request_queue, &world_->group_queue};
  }

  asio::io_context& io_;
  SystemClock& clock_;
  OperatorOptions options_;
  Connection connection_;
  std::string identity_;
  Housekeeping housekeeping_{clock_};
  CloudCalls cloud_calls_;
  Providers providers_;
  std::unique_ptr<kube::Elector> elector_;
  std::unique_ptr<controllers::World> world_;
  std::unique_ptr<kube::EventSender> events_;
  std::unique_ptr<controllers::AdmissionGuard> guard_;
  std::unique_ptr<controllers::ClockWatch> clock_watch_;
  std::unique_ptr<controllers::AccountReconciler> accounts_;
  std::unique_ptr<controllers::InventoryReconciler> inventory_;
  std::unique_ptr<controllers::PolicyReconciler> policies_;
  std::unique_ptr<controllers::RequestReconciler> requests_;
  std::unique_ptr<controllers::GroupReconciler> groups_;
  std::unique_ptr<Watches> watches_;
  const Workforce::Spawn spawn_ = [this](Task<void> task) { spawn(std::move(task)); };
  Workforce workforce_{clock_, spawn_, [this] { idle_.notify(); }};
  std::unique_ptr<Endpoints> endpoints_;
  Wake synced_;
  Wake idle_;
  bool sending_ = false;
  bool failed_ = false;
  bool stopping_ = false;
  BootTime stop_by_{};  ///< set when stopping: nothing is waited for after that
  bool finished_ = false;
  Wake cut_off_;
  int code_ = exit_code::ok;
};

}  // namespace

int run_operator(const OperatorOptions& options) {
  asio::io_context io(1);
  SystemClock clock;
  auto connection = make_connection(io, clock, options.kube);
  if (!connection) return complain(exit_code::configuration, connection.error());
  auto ca_pem = load_azure_files(options.azure);
  if (!ca_pem) return complain(exit_code::configuration, ca_pem.error());
  Operator program(io, clock, options, std::move(*connection), std::move(*ca_pem));
  const int code = program.run();
  // Whoever could not start has said so in one line.
  const bool ran = code != exit_code::refused && code != exit_code::configuration;
  if (ran) log::info("stopped", {{"exit_code", code}});
  return code;
}

}  // namespace portcullis::app
