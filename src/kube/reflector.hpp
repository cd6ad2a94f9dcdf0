#pragma once

#include <random>
#include <string>

#include "kube/client.hpp"
#include "kube/store.hpp"

namespace portcullis::kube {

struct ReflectorStats {
  std::uint64_t lists = 0;
  std::uint64_t watches = 0;
  std::uint64_t events = 0;
  std::uint64_t failures = 0;
  TimePoint last_activity{};  ///< of the stream: an event or a bookmark
};

/// Keeps a sink equal to a resource of the API server: streaming list where the server offers it, else
/// paged list, then watch from there; resumes from the last resourceVersion; lists again on 410, in an
/// answer or in the stream. Backoff 0.8 s doubled to 30 s with jitter. Never gives up before `stop`.
class Reflector {
 public:
  Reflector(Client& client, Resource resource, ObjectSink& sink, std::uint64_t jitter_seed);

  /// Runs until `stop`.
  Task<void> run();
  void stop();

  const ReflectorStats& stats() const { return stats_; }

 private:
  Client& client_;
  Resource resource_;
  ObjectSink& sink_;
  std::minstd_rand random_;
  ReflectorStats stats_;
  bool stopped_ = false;
  net::BodyStream* open_stream_ = nullptr;
  Wake wake_;
};

}  // namespace portcullis::kube
