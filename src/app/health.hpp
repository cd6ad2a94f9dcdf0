#pragma once

#include <string>
#include <vector>

#include "net/http.hpp"

namespace portcullis::app {

/// How the process stands, as a probe is told.
struct Health {
  bool failed = false;                 ///< a part of it ended that should not
  bool stopping = false;               ///< nothing new is begun
  std::string role{};                  ///< "leader" or "standby"; empty: not decided yet
  std::vector<std::string> missing{};  ///< a sentence for each thing that its role needs
  std::vector<std::string> notes{};    ///< what people should know and no probe needs

  bool ready() const { return !failed && !stopping && missing.empty() && !role.empty(); }
};

/// GET and HEAD of `/healthz` (200 as long as no part has failed: that there is an answer at all
/// shows that the loop turns; else 500) and `/readyz` (200 or 503, with the reasons as text).
net::Response answer_health(const net::Request& request, const Health& health);

/// The path of a request, without its query.
std::string_view path_of(const net::Request& request);

/// What to answer when the method is neither GET nor HEAD, or nothing is at that path.
net::Response refuse_method();
net::Response no_such_path();

}  // namespace portcullis::app
