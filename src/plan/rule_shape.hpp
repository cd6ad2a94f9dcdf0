#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/security_rule.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::plan {

/// What a grant has in a rule.
struct GrantShare {
  std::string grant;  ///< uid
  model::PrefixSet sources;
};

/// A rule as it is wanted, before it has a priority.
struct Draft {
  model::SecurityRule rule{};
  OwnMark mark{};
  std::vector<GrantShare> grants{};  ///< sorted
};

/// Sorted, overlapping and neighbouring ranges made one: equal port sets give equal lists.
std::vector<model::PortRange> merge_ports(std::vector<model::PortRange> ports);

/// Texts for identities: equal sets give equal texts.
std::string text_of(const std::vector<model::PortRange>& ports);
std::string text_of(const model::PrefixSet& set);

const char* text_of(model::Family family);

/// Whether both are one rule however it is spelled: lists compare as sets, names without case.
bool same_rule(const model::SecurityRule& a, const model::SecurityRule& b);

/// Whether the rule lets, or may let, anybody in.
bool lets_in(const model::SecurityRule& rule);

/// Whether `rule` lets, or may let, somebody in whom the allow rule `limit` does not.
bool lets_in_beyond(const model::SecurityRule& rule, const model::SecurityRule& limit);

/// The same for limits of which each that has its ports, protocols and destinations adds its
/// sources.
bool lets_in_beyond(const model::SecurityRule& rule, std::span<const model::SecurityRule> limits);

/// `wanted` cut down to what `actual` lets in anyhow; nothing if they share no sources, or if
/// `actual` is not at least as wide in everything but its addresses.
std::optional<model::SecurityRule> narrowed(const model::SecurityRule& wanted,
                                            const model::SecurityRule& actual);

/// The addresses of an endpoint that is nothing but addresses, or `any`.
model::PrefixSet addresses(const model::Endpoint& end);

/// Whether an endpoint is addresses alone, of one family.
bool only_addresses(const model::Endpoint& end);

}  // namespace portcullis::plan
