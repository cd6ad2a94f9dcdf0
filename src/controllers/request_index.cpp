#include "controllers/request_index.hpp"

#include <tuple>

namespace portcullis::controllers {
namespace {

RequestIndex::Policy policy_of(const model::AccessRequest& request) {
  return {.ns = request.meta.ns, .name = request.policy.get()};
}

}  // namespace

bool RequestIndex::ByPolicy::operator()(const Pointer& a, const Pointer& b) const {
  return std::tuple(policy_of(*a), std::string_view(a->meta.name)) <
         std::tuple(policy_of(*b), std::string_view(b->meta.name));
}

bool RequestIndex::ByPolicy::operator()(const Pointer& a, const Policy& b) const {
  return policy_of(*a) < b;
}

bool RequestIndex::ByPolicy::operator()(const Policy& a, const Pointer& b) const {
  return a < policy_of(*b);
}

void RequestIndex::change(const Pointer& before, const Pointer& after) {
  // The one that is equal in that order is an older copy.
  if (before) requests_.erase(before);
  if (after) requests_.insert(after);
}

std::ranges::subrange<RequestIndex::Requests::const_iterator> RequestIndex::of(
    std::string_view ns, std::string_view policy) const {
  const auto [first, last] = requests_.equal_range(Policy{.ns = ns, .name = policy});
  return {first, last};
}

}  // namespace portcullis::controllers
