#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lab/faults.hpp"
#include "lab/operations.hpp"
#include "lab/settings.hpp"
#include "lab/throttle.hpp"
#include "lab/tokens.hpp"
#include "lab/wire.hpp"
#include "lab/world.hpp"

namespace portcullis::lab {

/// A management lock on a scope (an ARM id) and all below it.
struct Lock {
  std::string name;
  std::string scope;
  std::string level;  ///< "CanNotDelete" or "ReadOnly"
};

/// What a client may not do: denied reads give 403, and lists leave the thing out without a word.
struct Denial {
  std::string client{};  ///< empty: every client
  std::string action;   ///< "Microsoft.Network/networkSecurityGroups/securityRules/write", "*" as a
                        ///< part or the end
  std::string scope{};  ///< ARM id whose subtree it holds for; empty: all
};

/// One line of the request log; bodies as they came, tokens never.
struct LoggedRequest {
  std::size_t number = 0;
  TimePoint at{};
  std::string method;
  std::string target;
  std::string client;
  std::string body;
  std::string user_agent{};
  int status = 0;
  std::string code{};   ///< of the error answered, if it was one
  std::string fault{};  ///< the kind of fault that struck, if one did
};

/// Everything that the lab's cloud is, as plain data with small parts that keep their own rules.
struct Cloud {
  explicit Cloud(World from, Settings with = {});

  World world;    ///< what ARM tells
  World packets;  ///< what filters: writes count here from the end of their operation
  Settings settings;
  Tokens tokens;
  Operations operations;
  Faults faults;
  Throttle throttle;
  std::vector<Lock> locks{};
  std::vector<Denial> denials{};
  std::set<std::string> resource_groups{};  ///< lower case; those without a resource exist, too
  std::deque<LoggedRequest> log{};
  std::size_t requests = 0;
  std::uint64_t packet_changes = 0;  ///< goes up whenever `packets` changes
  std::uint64_t guids = 0;

  /// A new GUID; the same history gives the same ones.
  std::string make_guid();

  /// After any change of the world other than by an operation: packets see it at once. What running
  /// operations write stays out of their sight.
  void publish();

  bool may(const std::string& client, const std::string& action, const std::string& scope) const;
};

}  // namespace portcullis::lab
