#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/policy.hpp"
#include "model/request.hpp"
#include "plan/target_state.hpp"

namespace portcullis::plan {

/// Values as they stand in sentences for people. Lists are cut after eight entries.
std::string words(const model::PortSelection& port);  ///< "22/TCP"
std::string family_name(model::Family family);        ///< "IPv4"
std::string list_ports(const model::JitPolicy& policy);
std::string list_targets(std::span<const TargetState> targets);
std::string list_prefixes(const std::vector<model::Prefix>& prefixes);
std::string join(const std::vector<std::string>& parts);

/// "is there and cannot be understood: …": of an object, and why.
std::string not_understood(const std::string& why);

}  // namespace portcullis::plan
