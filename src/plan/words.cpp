#include "plan/words.hpp"

namespace portcullis::plan {

std::string join(const std::vector<std::string>& parts) {
  constexpr std::size_t most = 8;
  std::string out;
  for (std::size_t i = 0; i < parts.size() && i < most; ++i) out += (i ? ", " : "") + parts[i];
  if (parts.size() > most) out += " and " + std::to_string(parts.size() - most) + " more";
  return out.empty() ? "none" : out;
}

std::string words(const model::PortSelection& port) {
  return to_string(port.range) + "/" + model::to_string(port.protocol);
}

std::string family_name(model::Family family) {
  return family == model::Family::ipv4 ? "IPv4" : "IPv6";
}

std::string list_ports(const model::JitPolicy& policy) {
  std::vector<std::string> parts;
  parts.reserve(policy.ports.size());
  for (const auto& port : policy.ports) {
    parts.push_back(to_string(port.range) + "/" + model::to_string(port.protocol));
  }
  return join(parts);
}

std::string list_targets(std::span<const TargetState> targets) {
  std::vector<std::string> parts;
  parts.reserve(targets.size());
  for (const auto& target : targets) {
    parts.push_back(target.machine.resource_group + "/" + target.machine.name);
  }
  return join(parts);
}

std::string list_prefixes(const std::vector<model::Prefix>& prefixes) {
  std::vector<std::string> parts;
  parts.reserve(prefixes.size());
  for (const auto& prefix : prefixes) parts.push_back(to_string(prefix));
  return join(parts);
}

const char* to_string(TargetState::State state) {
  switch (state) {
    case TargetState::State::unresolved:
      return "Unresolved";
    case TargetState::State::unsupported:
      return "Unsupported";
    case TargetState::State::locking:
      return "Locking";
    case TargetState::State::contended:
      return "Contended";
    case TargetState::State::locked:
      return "Locked";
    case TargetState::State::bypassed:
      return "Bypassed";
    case TargetState::State::unprotected:
      return "Unprotected";
    case TargetState::State::out_of_scope:
      return "OutOfScope";
    case TargetState::State::conflict:
      return "Conflict";
    case TargetState::State::audited:
      return "Audited";
  }
  return "Unresolved";
}

std::string not_understood(const std::string& why) {
  return "is there and cannot be understood: " + why;
}

}  // namespace portcullis::plan
