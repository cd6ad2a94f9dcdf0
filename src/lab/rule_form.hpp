#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "lab/world.hpp"
#include "net/http.hpp"

namespace portcullis::lab {

/// A rule's `properties` as a caller sends them -> as ARM stores and returns them: enumerations in
/// their own spelling, `null` as if absent, the singular that is not used absent, each plural that
/// is not used
/// `[]`. `id` is the rule's ARM id, for the messages. What ARM refuses comes back as its answer
/// (400).
tl::expected<nlohmann::json, net::Response> normalise_rule(const nlohmann::json& properties,
                                                           const std::string& id);

/// The body of a rule PUT, or one element of a group's `securityRules`: checks the members around
/// `properties`, and those.
tl::expected<nlohmann::json, net::Response> read_rule_body(const nlohmann::json& body,
                                                           const std::string& id,
                                                           const std::string& name);

/// ARM's refusal of a rule name, if it refuses it.
std::optional<net::Response> refuse_rule_name(const std::string& name);

/// What ARM refuses of a whole group: two rules of one priority and direction (`changed` is the
/// rule named first in the message), more than 1,000 rules, more than 4,000 prefixes or ports a
/// side.
std::optional<net::Response> refuse_group(const World& world, const SecurityGroup& group,
                                          const std::string& changed);

/// Takes /32 and /128 off the rule's addresses, as some answers of ARM do.
void drop_host_lengths(nlohmann::json& properties);

/// A member that ARM does not know: 400 InvalidRequestFormat.
net::Response unknown_member(const std::string& member, const std::string& type,
                             const std::string& path);
/// Any other reason why a body cannot be read.
net::Response unreadable(const std::string& message);

}  // namespace portcullis::lab
