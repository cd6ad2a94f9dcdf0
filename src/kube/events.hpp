#pragma once

#include <string>

#include "kube/client.hpp"

namespace portcullis::kube {

/// What happened to an object, for `kubectl describe`.
struct EventNote {
  Resource resource;
  ObjectName name;
  std::string uid;  ///< without it kubectl does not show the event
  bool warning = false;
  std::string reason;  ///< one of a documented list, CamelCase
  std::string action;  ///< CamelCase
  std::string note;    ///< cut to 1,000 characters
};

/// Sends events.k8s.io/v1 Events, each once, best effort: a failed one is logged at debug level and
/// dropped. Never blocks its caller: a bounded queue, the oldest go first.
class EventSender {
 public:
  EventSender(Client& client, std::string instance);

  void send(EventNote note);
  Task<void> run();  ///< until `stop`, which lets what is queued go out for at most two seconds
  void stop();

 private:
  Client& client_;
  std::string instance_;
  std::vector<EventNote> queue_;
  bool stopped_ = false;
  Wake wake_;
};

}  // namespace portcullis::kube
