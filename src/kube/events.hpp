#pragma once

#include <cstdint>
#include <deque>
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
  /// `instance` is the sender's name ("hostname_uuid"), of which 128 characters are used.
  EventSender(Client& client, std::string instance);

  void send(EventNote note);
  Task<void> run();  ///< until `stop`, which lets what is queued go out for at most two seconds
  void stop();

  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Queued {
    EventNote note;
    TimePoint when;
  };

  nlohmann::json to_json(const Queued& queued);
  Task<void> deliver(Queued queued, Duration deadline);

  Client& client_;
  std::string instance_;
  std::deque<Queued> queue_;
  std::uint64_t count_ = 0;
  std::uint64_t dropped_ = 0;
  bool stopped_ = false;
  BootTime last_chance_{};  ///< set by `stop`
  Wake wake_;
};

}  // namespace portcullis::kube
