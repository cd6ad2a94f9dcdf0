#include "plan/evaluator.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "plan/rule_match.hpp"

namespace portcullis::plan {
namespace {

using model::Access;
using model::PrefixSet;

/// What all groups of the path do with all atoms of what is asked, for some sources.
struct Judgement {
  PrefixSet surely{};            ///< on every atom
  PrefixSet maybe{};             ///< on some atom
  PrefixSet maybe_everywhere{};  ///< on every atom
  std::vector<Blame> allowed_by{};
  std::vector<Blame> denied_by{};
};

Blame to_blame(const Hit& hit, const Filter& filter) {
  Blame blame{.group = filter.id, .access = hit.access, .why = explain(hit, filter)};
  if (hit.rule == nullptr) return blame;
  blame.rule = hit.rule->name;
  blame.priority = hit.rule->priority;
  for (const auto* names : {&hit.rule->source.tags, &hit.rule->source.groups}) {
    blame.names.insert(blame.names.end(), names->begin(), names->end());
  }
  return blame;
}

/// One blame a rule, however many atoms it decides: in the order of the path, then of precedence.
class Blames {
 public:
  void add(std::size_t position, const Filter& filter, const Hit& hit, const PrefixSet& about) {
    const PrefixSet sources = hit.sources.maybe.intersect(about);
    if (sources.empty()) return;
    const int rank = hit.rule == nullptr ? last_rank : hit.rule->priority;
    const auto key = std::pair{std::pair{position, rank}, hit.rule};
    auto found = blames_.find(key);
    if (found == blames_.end()) found = blames_.emplace(key, to_blame(hit, filter)).first;
    Blame& blame = found->second;
    blame.sources = blame.sources.unite(sources);
    blame.proven = blame.proven && hit.sources.surely.contains(sources);
  }

  std::vector<Blame> take() {
    std::vector<Blame> list;
    list.reserve(blames_.size());
    for (auto& [key, blame] : blames_) list.push_back(std::move(blame));
    return list;
  }

 private:
  static constexpr int last_rank = 1'000'000;
  using Key = std::pair<std::pair<std::size_t, int>, const model::SecurityRule*>;

  /// Rules of one group stand in one vector and have different priorities: the order is the rules'.
  std::map<Key, Blame> blames_;
};

Judgement judge(const FilterPath& path, const Inbound& inbound, const PrefixSet& about,
                const Permitted* permitted = nullptr) {
  Judgement sum{.surely = about, .maybe_everywhere = about};
  Blames allows;
  Blames denials;
  std::vector<std::vector<Decider>> deciders;
  deciders.reserve(path.size());
  for (const Filter& filter : path) deciders.push_back(find_deciders(filter, inbound, about));
  for (const Atom& atom : split_atoms(deciders, inbound)) {
    PrefixSet surely = about;
    PrefixSet maybe = about;
    std::vector<GroupReach> groups;
    for (const auto& of_group : deciders) {
      groups.push_back(reach_through(of_group, inbound, atom, about, permitted));
      surely = surely.intersect(groups.back().surely_allowed);
      maybe = maybe.intersect(groups.back().maybe_allowed);
    }
    for (std::size_t i = 0; i < path.size(); ++i) {
      for (const Hit& hit : groups[i].hits) {
        const bool allow = hit.access == Access::allow;
        // An allow that another group undoes is nobody's fault; a denial is one on its own.
        (allow ? allows : denials).add(i, path[i], hit, allow ? maybe : about.subtract(surely));
      }
    }
    sum.surely = sum.surely.intersect(surely);
    sum.maybe = sum.maybe.unite(maybe);
    sum.maybe_everywhere = sum.maybe_everywhere.intersect(maybe);
  }
  sum.allowed_by = allows.take();
  sum.denied_by = denials.take();
  return sum;
}

Blame no_group(const PrefixSet& sources) {
  return {.sources = sources, .why = "no network security group stands before this address"};
}

}  // namespace

Reach allowed_sources(const FilterPath& path, const Inbound& inbound) {
  const PrefixSet all = PrefixSet::everything(inbound.destination.family);
  Judgement sum = judge(path, inbound, all);
  if (path.empty()) sum.allowed_by.push_back(no_group(all));
  return {.surely_allowed = std::move(sum.surely),
          .maybe_allowed = std::move(sum.maybe),
          .allowed_by = std::move(sum.allowed_by),
          .denied_by = std::move(sum.denied_by)};
}

ClosedProof prove_closed(const FilterPath& path, const Inbound& inbound,
                         const Permitted& permitted) {
  const PrefixSet all = PrefixSet::everything(inbound.destination.family);
  Judgement sum = judge(path, inbound, all, &permitted);
  ClosedProof proof;
  if (path.empty()) {
    proof.verdict = ClosedProof::Verdict::unprotected;
    proof.sources = all;
    proof.blames = {no_group(all)};
    return proof;
  }
  proof.sources = std::move(sum.maybe);
  proof.blames = std::move(sum.allowed_by);
  const bool named =
      std::ranges::any_of(proof.blames, [](const Blame& blame) { return !blame.rule.empty(); });
  proof.verdict = proof.sources.empty() ? ClosedProof::Verdict::closed
                  : named               ? ClosedProof::Verdict::bypassed
                                        : ClosedProof::Verdict::unread;
  return proof;
}

OpenProof prove_open(const FilterPath& path, const Inbound& inbound, const PrefixSet& sources) {
  OpenProof proof;
  const PrefixSet asked = sources.of_family(inbound.destination.family);
  if (asked.empty()) return proof;
  Judgement sum = judge(path, inbound, asked);
  proof.sources = asked.subtract(sum.surely);
  proof.blames = std::move(sum.denied_by);
  proof.verdict = proof.sources.empty()                   ? OpenProof::Verdict::open
                  : !sum.maybe_everywhere.contains(asked) ? OpenProof::Verdict::shadowed
                                                          : OpenProof::Verdict::unproven;
  return proof;
}

std::vector<Blame> what_is_cut(const FilterPath& path, const Inbound& inbound,
                               const Permitted& permitted) {
  const PrefixSet all = PrefixSet::everything(inbound.destination.family);
  if (path.empty()) return {no_group(all.subtract(permitted.sources))};
  return judge(path, inbound, all, &permitted).allowed_by;
}

}  // namespace portcullis::plan
