#pragma once

#include <memory>
#include <ranges>
#include <set>
#include <string_view>

#include "model/request.hpp"

namespace portcullis::controllers {

/// Requests by the policies that they name. What is shown is what `change` was told, and `change`
/// is told whatever the store tells. Holds the store's own objects, which never change, and no
/// second copy of anything in them.
class RequestIndex {
 public:
  using Pointer = std::shared_ptr<const model::AccessRequest>;
  struct Policy {
    std::string_view ns;
    std::string_view name;

    auto operator<=>(const Policy&) const = default;
  };
  struct ByPolicy {
    using is_transparent = void;
    bool operator()(const Pointer& a, const Pointer& b) const;
    bool operator()(const Pointer& a, const Policy& b) const;
    bool operator()(const Policy& a, const Pointer& b) const;
  };
  using Requests = std::set<Pointer, ByPolicy>;

  /// A request came (no `before`), changed, or went (no `after`).
  void change(const Pointer& before, const Pointer& after);

  /// Those under a policy that is there or is not, by name.
  std::ranges::subrange<Requests::const_iterator> of(std::string_view ns,
                                                     std::string_view policy) const;

 private:
  Requests requests_;
};

}  // namespace portcullis::controllers
