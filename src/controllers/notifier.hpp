#pragma once

#include <string>

#include "kube/client.hpp"
#include "kube/events.hpp"
#include "model/object.hpp"

namespace portcullis::controllers {

/// One transition of one object: an Event for `kubectl describe` and one audit line in the log.
struct Transition {
  kube::Resource resource;
  const model::Meta& meta;
  std::string from;
  std::string to;
  std::string reason;
  std::string message;
  std::string who{};  ///< the requester, where there is one
  bool warning = false;
};

void announce(kube::EventSender& events, const Transition& transition);

}  // namespace portcullis::controllers
