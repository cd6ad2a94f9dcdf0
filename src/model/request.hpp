#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/interned.hpp"
#include "model/object.hpp"
#include "model/security_rule.hpp"

namespace portcullis::model {

/// Who somebody is, as the API server stamped it.
struct Identity {
  std::string username;
  std::string uid{};
  std::vector<std::string> groups{};
  std::map<std::string, std::vector<std::string>> extra{};

  auto operator<=>(const Identity&) const = default;
};

struct PortSelection {
  PortRange range{};
  Protocol protocol = Protocol::tcp;

  auto operator<=>(const PortSelection&) const = default;
};

/// Requests and verdicts stay for days after their end, so there are many: what most of them have
/// alike is kept once.
struct AccessRequest {
  Meta meta;
  Name policy;
  Interned<std::vector<std::string>> targets;  ///< as typed: "web-1" or "group/web-1"
  Interned<std::vector<PortSelection>> ports;
  std::vector<Prefix> sources;
  Duration duration{};
  std::string reason{};
  std::optional<TimePoint> start_at{};
  bool extends = false;
  bool break_glass = false;
  bool plan_only = false;
  bool revoke = false;
  Interned<Identity> requester{};
  SeenStatus status{};
};

/// What somebody else said about a request. Stamped like a request, and never changed.
struct AccessDecision {
  Meta meta;
  std::string request_name;
  std::string request_uid;
  std::string policy_name;
  std::string decision;  ///< Approve, Deny, Revoke or Acknowledge
  std::string reason{};
  Identity author{};
};

/// As a verdict names it.
struct GrantedMachine {
  std::string resource_id;
  std::string vm_id;

  auto operator<=>(const GrantedMachine&) const = default;
};

/// What the operator decided, once and for all.
struct AccessVerdict {
  using Target = GrantedMachine;
  struct End {
    TimePoint at{};
    Name reason;
    Name by{};
    Name message{};
  };

  Meta meta;  ///< the name is the request's uid
  Name by{};
  bool granted = false;
  Name reason{};
  Name message{};
  std::string request_name{};
  std::string request_uid{};
  Name requester{};
  Name policy_name{};
  Name policy_uid{};
  std::int64_t policy_generation = 0;
  Interned<std::vector<Target>> targets{};
  Interned<std::vector<PortSelection>> ports{};
  std::vector<Prefix> sources{};
  Duration duration{};
  std::optional<TimePoint> start_at{};
  Name retain_for{};
  std::optional<End> ended{};
  Interned<SeenStatus> status{};  ///< nearly always none
};

}  // namespace portcullis::model
