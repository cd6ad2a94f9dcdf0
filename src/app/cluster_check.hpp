#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/connection.hpp"
#include "app/finding.hpp"
#include "base/system_clock.hpp"
#include "model/account.hpp"

namespace portcullis::app {

/// Asks an API server for what an operator needs of it. Writes nothing: reviews are questions.
class ClusterCheck {
 public:
  using Tell = std::function<void(Finding finding)>;

  /// All outlive it. `operator_user` is who the operator will be.
  ClusterCheck(Connection& connection, SystemClock& clock, std::string ns,
               std::string operator_user, Tell tell);

  /// The server, the clock, the CRDs, the guards, the operator's rights, its Lease. False: it does
  /// not answer, or not to us; nothing else can be asked.
  Task<bool> run();

  /// The accounts that can be read. The others are told.
  Task<std::vector<model::CloudAccount>> accounts();

  /// The policies, those that are not Ready a line each.
  Task<Done> policies();

 private:
  Task<Result<nlohmann::json>> get(std::string path);
  Task<bool> server();
  Task<Done> crds();
  Task<Done> guards();
  Task<Done> rights();
  Task<Done> lease();

  Connection& connection_;
  kube::Client& client_;
  SystemClock& clock_;
  std::string ns_;
  std::string operator_user_;
  Tell tell_;
  std::string me_;
};

}  // namespace portcullis::app
