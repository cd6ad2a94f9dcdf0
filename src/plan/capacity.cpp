#include "plan/capacity.hpp"

#include <algorithm>

namespace portcullis::plan {
namespace {

int count(const model::Endpoint& end) {
  const std::size_t names =
      end.prefixes.size() + end.tags.size() + end.groups.size() + end.unread.size();
  return std::max(1, static_cast<int>(names));
}

bool fits(int after, int before, int limit) { return after <= limit || after <= before; }

}  // namespace

Capacity Capacity::of(const model::SecurityRule& rule) {
  return {.rules = 1, .sources = count(rule.source), .destinations = count(rule.destination)};
}

Capacity Capacity::of(const model::SecurityGroup& group) {
  Capacity sum;
  for (const model::SecurityRule& rule : group.rules) sum = sum.plus(of(rule));
  return sum;
}

Capacity Capacity::plus(const Capacity& other) const {
  return {.rules = rules + other.rules,
          .sources = sources + other.sources,
          .destinations = destinations + other.destinations};
}

Capacity Capacity::minus(const Capacity& other) const {
  return {.rules = rules - other.rules,
          .sources = sources - other.sources,
          .destinations = destinations - other.destinations};
}

bool Capacity::fits_after(const Capacity& before) const {
  return fits(rules, before.rules, most_rules) && fits(sources, before.sources, most_prefixes) &&
         fits(destinations, before.destinations, most_prefixes);
}

}  // namespace portcullis::plan
