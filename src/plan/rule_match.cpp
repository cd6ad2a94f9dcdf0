#include "plan/rule_match.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "model/resource_id.hpp"

namespace portcullis::plan {
namespace {

using model::Access;
using model::Endpoint;
using model::PrefixSet;
using model::SecurityRule;

enum class Fit { no, maybe, yes };

// What is asked is judged once for each part between two bounds, by each rule that may decide about
// it. With so many bounds that takes some milliseconds, and whoever may write the group can make
// more.
constexpr std::size_t most_bounds = 256;

bool is_blank(const Endpoint& end) {
  return !end.any && end.prefixes.empty() && end.tags.empty() && end.groups.empty() &&
         end.unread.empty();
}

/// Whether an endpoint names more than addresses: what it stands for is then unknown.
bool names_unknown(const Endpoint& end) {
  return !end.tags.empty() || !end.groups.empty() || !end.unread.empty() || is_blank(end);
}

Fit fit_destination(const Endpoint& end, const Inbound& inbound) {
  if (end.any) return Fit::yes;
  const PrefixSet addresses = PrefixSet::of(end.prefixes);
  if (addresses.contains(inbound.destination)) return Fit::yes;
  const bool in_group = std::ranges::any_of(end.groups, [&](const std::string& group) {
    return std::ranges::any_of(inbound.application_groups, [&](const std::string& own) {
      return model::ascii_lower(own) == model::ascii_lower(group);
    });
  });
  if (in_group) return Fit::yes;
  const bool partly = !addresses.intersect(PrefixSet::of(inbound.destination)).empty();
  const bool unknown = !end.tags.empty() || !end.unread.empty() || is_blank(end);
  return partly || unknown ? Fit::maybe : Fit::no;
}

Fit fit_ports(const std::vector<model::PortRange>& ranges, const model::PortRange& asked) {
  if (ranges.empty()) return Fit::maybe;
  Fit best = Fit::no;
  for (const model::PortRange& range : ranges) {
    if (range.contains(asked)) return Fit::yes;
    if (range.first <= asked.last && asked.first <= range.last) best = Fit::maybe;
  }
  return best;
}

/// A flow's source port is the client's choice: a rule for some of them holds for nobody surely.
bool any_source_port(std::vector<model::PortRange> ranges) {
  std::ranges::sort(ranges);
  int covered = -1;
  for (const auto& range : ranges) {
    if (range.first > covered + 1) return false;
    covered = std::max<int>(covered, range.last);
  }
  return covered == 65535;
}

bool fits_protocol(model::Protocol rule, model::Protocol asked) {
  return rule == model::Protocol::any || rule == asked;
}

/// Whether the rule applies to the destination, on the ports and for the protocol that it has.
Fit fit(const SecurityRule& rule, const Inbound& inbound) {
  if (!rule.readable) return Fit::maybe;
  if (rule.direction != model::Direction::inbound) return Fit::no;
  const Fit least = fit_destination(rule.destination, inbound);
  const bool certain = any_source_port(rule.source_ports) && rule.settled();
  return certain ? least : std::min(least, Fit::maybe);
}

/// Whether it is for the atom's ports and protocol.
Fit fit(const SecurityRule& rule, const Atom& atom) {
  if (!rule.readable) return Fit::maybe;
  if (!fits_protocol(rule.protocol, atom.protocol)) return Fit::no;
  return fit_ports(rule.destination_ports, atom.ports);
}

/// Whether any part of what is asked may be on its ports and of its protocol.
bool may_concern(const SecurityRule& rule, const Inbound& inbound) {
  if (!rule.readable) return true;
  const bool protocol = inbound.protocol == model::Protocol::any
                            ? fits_protocol(rule.protocol, model::Protocol::tcp) ||
                                  fits_protocol(rule.protocol, model::Protocol::udp)
                            : fits_protocol(rule.protocol, inbound.protocol);
  return protocol && fit_ports(rule.destination_ports, inbound.ports) != Fit::no;
}

/// Whether all that is asked is on its ports and of its protocol.
bool concerns_all(const SecurityRule& rule, const Inbound& inbound) {
  return rule.readable && fits_protocol(rule.protocol, inbound.protocol) &&
         fit_ports(rule.destination_ports, inbound.ports) == Fit::yes;
}

Match sources_of(const SecurityRule& rule, const Inbound& inbound) {
  const Fit how = fit(rule, inbound);
  if (how == Fit::no) return {};
  const PrefixSet all = PrefixSet::everything(inbound.destination.family);
  if (!rule.readable) return {.maybe = all};
  const PrefixSet known =
      rule.source.any ? all : PrefixSet::of(rule.source.prefixes).intersect(all);
  return {.surely = how == Fit::yes ? known : PrefixSet{},
          .maybe = names_unknown(rule.source) ? all : known};
}

/// On the atom's ports alone.
Match on(const Atom& atom, const SecurityRule& rule, const Match& sources) {
  const Fit how = fit(rule, atom);
  if (how == Fit::no) return {};
  return {.surely = how == Fit::yes ? sources.surely : PrefixSet{}, .maybe = sources.maybe};
}

std::vector<const SecurityRule*> in_order(const model::SecurityGroup& group) {
  std::vector<const SecurityRule*> rules;
  rules.reserve(group.rules.size() + group.default_rules.size());
  for (const SecurityRule& rule : group.rules) rules.push_back(&rule);
  for (const SecurityRule& rule : group.default_rules) rules.push_back(&rule);
  std::ranges::sort(rules, {}, [](const SecurityRule* rule) {
    return std::pair{rule->priority, std::string_view(rule->name)};
  });
  return rules;
}

bool holds(const std::vector<std::string>& names, const std::string& wanted) {
  return std::ranges::any_of(names, [&](const std::string& name) {
    return model::ascii_lower(name) == model::ascii_lower(wanted);
  });
}

/// What of an allow rule's hit is not permitted.
PrefixSet beyond(const Permitted& permitted, const SecurityRule& rule, const PrefixSet& hit,
                 const Inbound& inbound, const Atom& atom) {
  if (!rule.readable) return hit;
  PrefixSet rest = hit.subtract(permitted.sources);
  Endpoint source = rule.source;
  if (!is_blank(source)) {
    std::erase_if(source.tags, [&](const std::string& tag) { return holds(permitted.tags, tag); });
    const bool only_prefixes =
        !source.any && source.tags.empty() && source.groups.empty() && source.unread.empty();
    if (only_prefixes) rest = rest.intersect(PrefixSet::of(source.prefixes));
  }
  for (const SecurityRule& wanted : permitted.rules) {
    if (wanted.access != Access::allow) continue;
    if (model::ascii_lower(wanted.name) != model::ascii_lower(rule.name)) continue;
    rest = rest.subtract(on(atom, wanted, sources_of(wanted, inbound)).surely);
  }
  return rest;
}

std::string list(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 4;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < shown; ++i) {
    if (i > 0) text += ", ";
    text += names[i];
  }
  if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

std::string describe_source(const Endpoint& source) {
  if (source.any) return "anywhere";
  std::vector<std::string> names;
  names.reserve(source.prefixes.size());
  for (const auto& prefix : source.prefixes) names.push_back(model::to_string(prefix));
  for (const auto* more : {&source.tags, &source.groups, &source.unread}) {
    names.insert(names.end(), more->begin(), more->end());
  }
  return names.empty() ? "a source that cannot be read" : list(names);
}

}  // namespace

std::vector<Decider> find_deciders(const Filter& filter, const Inbound& inbound,
                                   const PrefixSet& about) {
  std::vector<Decider> deciders;
  if (filter.group == nullptr) return deciders;
  PrefixSet undecided = about;
  for (const SecurityRule* rule : in_order(*filter.group)) {
    if (undecided.empty()) break;
    if (!may_concern(*rule, inbound)) continue;
    Match sources = sources_of(*rule, inbound);
    if (sources.maybe.empty()) continue;
    if (concerns_all(*rule, inbound)) undecided = undecided.subtract(sources.surely);
    deciders.push_back({.rule = rule, .sources = std::move(sources)});
  }
  return deciders;
}

std::vector<Atom> split_atoms(const std::vector<std::vector<Decider>>& groups,
                              const Inbound& inbound) {
  std::vector<int> starts;
  const auto cut = [&](int port) {
    if (port > inbound.ports.first && port <= inbound.ports.last) starts.push_back(port);
  };
  for (const auto& deciders : groups) {
    for (const Decider& decider : deciders) {
      for (const model::PortRange& range : decider.rule->destination_ports) {
        cut(range.first);
        cut(range.last + 1);
      }
    }
  }
  std::ranges::sort(starts);
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  if (starts.size() > most_bounds) {
    std::vector<int> some;
    for (std::size_t i = 0; i < most_bounds; ++i) {
      some.push_back(starts[i * starts.size() / most_bounds]);
    }
    starts = std::move(some);
  }
  starts.insert(starts.begin(), inbound.ports.first);

  std::vector<model::Protocol> protocols{inbound.protocol};
  if (inbound.protocol == model::Protocol::any) {
    protocols = {model::Protocol::tcp, model::Protocol::udp};
  }
  std::vector<Atom> atoms;
  for (const model::Protocol protocol : protocols) {
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const int last = i + 1 < starts.size() ? starts[i + 1] - 1 : inbound.ports.last;
      atoms.push_back({.ports = {.first = static_cast<std::uint16_t>(starts[i]),
                                 .last = static_cast<std::uint16_t>(last)},
                       .protocol = protocol});
    }
  }
  return atoms;
}

GroupReach reach_through(const std::vector<Decider>& deciders, const Inbound& inbound,
                         const Atom& atom, const PrefixSet& about, const Permitted* permitted) {
  PrefixSet undecided = about;
  PrefixSet maybe_denied;
  GroupReach reach;
  const auto hit = [&](const SecurityRule* rule, Access access, const Match& sources) {
    if (sources.maybe.empty()) return;
    reach.hits.push_back({.rule = rule, .access = access, .sources = sources});
    if (access == Access::deny) {
      maybe_denied = maybe_denied.unite(sources.maybe);
      return;
    }
    reach.surely_allowed = reach.surely_allowed.unite(sources.surely.subtract(maybe_denied));
    reach.maybe_allowed = reach.maybe_allowed.unite(sources.maybe);
  };

  for (const auto& [rule, on_its_ports] : deciders) {
    if (undecided.empty()) break;
    const Match all = on(atom, *rule, on_its_ports);
    if (all.maybe.empty()) continue;
    Match sources{.surely = all.surely.intersect(undecided),
                  .maybe = all.maybe.intersect(undecided)};
    undecided = undecided.subtract(sources.surely);
    if (rule->readable && rule->access == Access::deny) {
      hit(rule, Access::deny, sources);
      continue;
    }
    if (!rule->readable) hit(rule, Access::deny, sources);
    if (permitted != nullptr) {
      sources.maybe = beyond(*permitted, *rule, sources.maybe, inbound, atom);
      sources.surely = sources.surely.intersect(sources.maybe);
    }
    hit(rule, Access::allow, sources);
  }
  // An NSG ends with a rule that denies all. Where that was not read, nothing is known.
  hit(nullptr, Access::deny, {.maybe = undecided});
  if (permitted != nullptr) undecided = undecided.subtract(permitted->sources);
  hit(nullptr, Access::allow, {.maybe = undecided});
  return reach;
}

std::string explain(const Hit& hit, const Filter& filter) {
  if (hit.rule == nullptr) {
    return filter.group == nullptr ? "the group could not be read"
                                   : "the group's default rules were not read";
  }
  const SecurityRule& rule = *hit.rule;
  if (!rule.readable) return "the rule holds a value that is not known here, it may be anything";
  std::string text = model::to_string(rule.access);
  text += " from " + describe_source(rule.source);
  if (names_unknown(rule.source) && !rule.source.any) text += ", which is not expanded";
  if (!any_source_port(rule.source_ports)) text += ", for some source ports only";
  if (!rule.settled()) text += ", and it is " + rule.unsettled + ": it may not be in force";
  if (!rule.destination.any && !rule.destination.tags.empty()) {
    text += ", to " + list(rule.destination.tags);
  }
  return text;
}

}  // namespace portcullis::plan
