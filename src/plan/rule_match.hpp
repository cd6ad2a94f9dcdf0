#pragma once

#include <string>
#include <vector>

#include "model/prefix.hpp"
#include "model/security_rule.hpp"
#include "plan/evaluator.hpp"

namespace portcullis::plan {

/// Flows that every rule judges alike but for their source: one protocol, and ports between two
/// neighbouring bounds of the rules. Where the rules have very many bounds it lies between two that
/// are farther apart: a rule for a part of it is then in doubt.
struct Atom {
  model::PortRange ports;
  model::Protocol protocol = model::Protocol::tcp;
};

/// The sources that a rule applies to, from both sides: what is not expanded widens only `maybe`.
struct Match {
  model::PrefixSet surely{};
  model::PrefixSet maybe{};
};

/// A rule that may decide about what is asked, and about whom on the ports that it has.
struct Decider {
  const model::SecurityRule* rule = nullptr;
  Match sources{};
};

/// Those of one group, the first to decide first; none behind one after which nothing of it is left
/// undecided for any of these sources.
std::vector<Decider> find_deciders(const Filter& filter, const Inbound& inbound,
                                   const model::PrefixSet& about);

/// Cuts what is asked at the bounds of the deciders' ports, so that, in all but the worst of
/// groups, none matches a part of an atom.
std::vector<Atom> split_atoms(const std::vector<std::vector<Decider>>& groups,
                              const Inbound& inbound);

/// The sources for which a rule decides, or may decide, because no earlier rule surely does.
struct Hit {
  const model::SecurityRule* rule = nullptr;  ///< null: the group or its defaults were not read
  model::Access access = model::Access::allow;
  Match sources{};
};

struct GroupReach {
  model::PrefixSet surely_allowed{};
  model::PrefixSet maybe_allowed{};
  std::vector<Hit> hits{};
};

/// What one group does with an atom for these sources. `permitted` allows count as nothing: not in
/// `maybe_allowed`.
GroupReach reach_through(const std::vector<Decider>& deciders, const Inbound& inbound,
                         const Atom& atom, const model::PrefixSet& about,
                         const Permitted* permitted = nullptr);

/// What people read about a hit: "Allow from VirtualNetwork, which is not expanded".
std::string explain(const Hit& hit, const Filter& filter);

}  // namespace portcullis::plan
