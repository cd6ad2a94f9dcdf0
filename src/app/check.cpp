#include "app/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <map>

#include "app/cloud_expectations.hpp"
#include "app/cluster_check.hpp"
#include "app/complaint.hpp"
#include "app/failure.hpp"
#include "app/providers.hpp"
#include "base/log.hpp"
#include "base/system_clock.hpp"
#include "model/resource_id.hpp"

namespace portcullis::app {
namespace {

// Beyond that many resource groups a few tell enough.
constexpr std::size_t most_resource_groups = 20;

/// One account: its credential, what it shows, what locks it, what it may. Writes nothing.
class AccountCheck {
 public:
  AccountCheck(cloud::AzureProvider& provider, const model::CloudAccount& account,
               ClusterCheck::Tell tell)
      : provider_(provider),
        account_(account),
        subject_("account " + account.meta.name),
        tell_(std::move(tell)) {}

  Task<Done> run() {
    if (account_.freeze) {
      tell_(warn(subject_, "is frozen: it grants nothing", "spec.freeze, when all is well again"));
    }
    const auto checked = co_await provider_.check();
    if (!checked) {
      tell_(judge_refusal(subject_, checked.error()));
      co_return Done{};
    }
    auto scope = model::network_scope(account_);
    // "*" is the whole subscription, which a list of no names means.
    if (std::ranges::find(scope, "*") != scope.end()) scope.clear();
    const auto groups = co_await provider_.list_groups(scope);
    if (!groups) {
      tell_(judge_refusal(subject_, groups.error()));
      co_return Done{};
    }
    tell_all(judge_listing(subject_, scope, *groups));
    tell_all(judge_locks(subject_, co_await provider_.list_locks(), *groups));
    co_await permissions(std::move(scope), *groups);
    co_return Done{};
  }

 private:
  /// Where security groups are written, and where machines are read.
  Task<Done> permissions(std::vector<std::string> scope,
                         const std::vector<cloud::ListedGroup>& groups) {
    std::map<std::string, ReadPermissions> by_name;
    const auto add = [&by_name](const std::string& name) -> ReadPermissions& {
      return by_name
          .try_emplace(model::ascii_lower(name),
                       ReadPermissions{.resource_group = name, .permissions = {}})
          .first->second;
    };
    for (const cloud::ListedGroup& group : groups) {
      const auto id = model::parse_resource_id(group.id);
      if (id && scope.empty()) add(id->resource_group).of_groups = true;
    }
    for (const std::string& name : scope) add(name).of_groups = true;
    bool everywhere = false;
    for (const auto& access : account_.access) {
      for (const std::string& name : access.resource_groups) {
        everywhere = everywhere || name == "*";
        if (name != "*") add(name).of_machines = true;
      }
    }
    std::vector<ReadPermissions> read;
    for (auto& [key, each] : by_name) {
      if (read.size() == most_resource_groups) {
        tell_(not_checked(subject_ + " rights",
                          fmt::format("{} resource groups more than the {} that were looked at",
                                      by_name.size() - read.size(), read.size()),
                          "give the role for the whole subscription, or look at one of them"));
        break;
      }
      each.of_machines = each.of_machines || everywhere;
      each.permissions = co_await provider_.list_permissions(each.resource_group);
      read.push_back(std::move(each));
    }
    tell_all(judge_permissions(subject_, read));
    co_return Done{};
  }

  void tell_all(Findings findings) {
    for (Finding& finding : findings) tell_(std::move(finding));
  }

  cloud::AzureProvider& provider_;
  const model::CloudAccount& account_;
  std::string subject_;
  ClusterCheck::Tell tell_;
};

class Checking {
 public:
  Checking(asio::io_context& io, SystemClock& clock, const CheckOptions& options,
           std::string ca_pem)
      : io_(io),
        clock_(clock),
        options_(options),
        providers_(io, clock, options.azure, std::move(ca_pem), calls_, "check") {}

  int run() {
    asio::co_spawn(io_, failure_of(work()),
                   [this](const std::exception_ptr&, const std::optional<std::string>& failure) {
                     if (failure) log::error("internal error", {{"error", *failure}});
                     failed_ = failure.has_value();
                     providers_.close();
                     if (connection_) connection_->close();
                   });
    io_.run();
    if (failed_) return exit_code::internal;
    if (options_.output == Output::json) {
      std::cout << to_json(findings_).dump(2) << std::endl;
    } else {
      std::cout << summary_of(findings_) << std::endl;
    }
    return std::cout && !any_failed(findings_) ? exit_code::ok : exit_code::internal;
  }

 private:
  Task<void> work() {
    auto connection = make_connection(io_, clock_, options_.kube);
    if (!connection) {
      tell(failed("kubeconfig", connection.error().message, "--kubeconfig, --context"));
      co_return;
    }
    connection_ = std::move(*connection);
    const std::string user = options_.operator_user.empty()
                                 ? "system:serviceaccount:" + options_.ns + ":portcullis"
                                 : options_.operator_user;
    const auto teller = [this](Finding finding) { tell(std::move(finding)); };
    ClusterCheck cluster(*connection_, clock_, options_.ns, user, teller);
    if (!co_await cluster.run()) co_return;
    const auto accounts = co_await cluster.accounts();
    for (const model::CloudAccount& account : accounts) {
      const auto provider = providers_.of(account);
      if (!provider) {
        tell(judge_refusal("account " + account.meta.name, provider.error()));
        continue;
      }
      AccountCheck check(**provider, account, teller);
      co_await check.run();
    }
    co_await cluster.policies();
  }

  void tell(Finding finding) {
    if (options_.output == Output::text) std::cout << to_text(finding) << std::endl;
    findings_.push_back(std::move(finding));
  }

  asio::io_context& io_;
  SystemClock& clock_;
  const CheckOptions& options_;
  CloudCalls calls_;
  Providers providers_;
  std::optional<Connection> connection_;
  Findings findings_;
  bool failed_ = false;
};

}  // namespace

int run_check(const CheckOptions& options) {
  asio::io_context io(1);
  SystemClock clock;
  auto ca_pem = load_azure_files(options.azure);
  if (!ca_pem) return complain(exit_code::configuration, ca_pem.error());
  Checking checking(io, clock, options, std::move(*ca_pem));
  return checking.run();
}

}  // namespace portcullis::app
