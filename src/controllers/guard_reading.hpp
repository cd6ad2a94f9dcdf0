#pragma once

#include <map>
#include <string>

#include "controllers/guard_book.hpp"
#include "kube/client.hpp"

namespace portcullis::controllers {

/// The admission objects as one reading found them.
struct GuardReading {
  bool mutating = false;  ///< the server has the kinds that stamp
  std::map<GuardName, SeenGuard> seen{};

  GuardBook::Look look() const;
};

/// Lists them all, each kind as a consistent read. Fails as a whole; the error names what could
/// not be read. May be repeated.
Task<Result<GuardReading>> read_guards(kube::Client& client, const GuardBook& book);

}  // namespace portcullis::controllers
