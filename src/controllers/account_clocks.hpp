#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model/account.hpp"
#include "plan/clock_skew.hpp"

namespace portcullis::controllers {

/// How the clocks stand that count for an account: this machine's, the API server's, and that of
/// the account's own cloud. Another cloud's stops nothing of it.
class AccountClocks {
 public:
  using Read = std::function<std::vector<plan::ClockReading>(const model::CloudAccount& account)>;

  /// What the clocks of an account that are known say now. Unset: all agree.
  Read read{};

  /// Reads them: to be done before anything opens.
  const plan::ClockView& look(const model::CloudAccount& account);

  /// As last looked at.
  const plan::ClockView& last_of(const model::CloudAccount& account) const;

 private:
  std::map<std::string, plan::ClockView> views_;  ///< by the account's name
};

}  // namespace portcullis::controllers
