#pragma once

#include <string>
#include <vector>

#include "model/prefix.hpp"
#include "model/security_rule.hpp"
#include "plan/evaluator.hpp"

namespace portcullis::plan {

/// Flows that every rule judges alike but for their source: one protocol, and ports between two
/// neighbouring bounds of the rules.
struct Atom {
  model::PortRange ports;
  model::Protocol protocol = model::Protocol::tcp;
};

/// Cuts what is asked at every bound of the rules' ports, so that no rule matches a part of an
/// atom.
std::vector<Atom> split_atoms(const FilterPath& path, const Inbound& inbound);

/// The sources that a rule applies to, from both sides: what is not expanded widens only `maybe`.
struct Match {
  model::PrefixSet surely{};
  model::PrefixSet maybe{};
};

Match match(const model::SecurityRule& rule, const Inbound& inbound, const Atom& atom);

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

/// What one group does with an atom. `permitted` allows count as nothing: not in `maybe_allowed`.
GroupReach reach_through(const Filter& filter, const Inbound& inbound, const Atom& atom,
                         const Permitted* permitted = nullptr);

/// What people read about a hit: "Allow from VirtualNetwork, which is not expanded".
std::string explain(const Hit& hit, const Filter& filter);

}  // namespace portcullis::plan
