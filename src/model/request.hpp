#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/object.hpp"
#include "model/security_rule.hpp"

namespace portcullis::model {

/// Who somebody is, as the API server stamped it.
struct Identity {
  std::string username;
  std::string uid{};
  std::vector<std::string> groups{};
  std::map<std::string, std::vector<std::string>> extra{};

  bool operator==(const Identity&) const = default;
};

struct PortSelection {
  PortRange range{};
  Protocol protocol = Protocol::tcp;

  bool operator==(const PortSelection&) const = default;
};

struct AccessRequest {
  Meta meta;
  std::string policy;
  std::vector<std::string> targets;  ///< as typed: "web-1" or "group/web-1"
  std::vector<PortSelection> ports;
  std::vector<Prefix> sources;
  Duration duration{};
  std::string reason{};
  std::optional<TimePoint> start_at{};
  bool extends = false;
  bool break_glass = false;
  bool plan_only = false;
  bool revoke = false;
  Identity requester{};
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

/// What the operator decided, once and for all.
struct AccessVerdict {
  struct Target {
    std::string resource_id;
    std::string vm_id;

    bool operator==(const Target&) const = default;
  };
  struct End {
    TimePoint at{};
    std::string reason;
    std::string by{};
    std::string message{};
  };

  Meta meta;  ///< the name is the request's uid
  std::string by{};
  bool granted = false;
  std::string reason{};
  std::string message{};
  std::string request_name{};
  std::string request_uid{};
  std::string requester{};
  std::string policy_name{};
  std::string policy_uid{};
  std::int64_t policy_generation = 0;
  std::vector<Target> targets{};
  std::vector<PortSelection> ports{};
  std::vector<Prefix> sources{};
  Duration duration{};
  std::optional<TimePoint> start_at{};
  std::string retain_for{};
  std::optional<End> ended{};
};

}  // namespace portcullis::model
