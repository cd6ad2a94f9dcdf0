#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kube/backoff.hpp"
#include "kube/client.hpp"
#include "kube/stop.hpp"
#include "kube/store.hpp"
#include "kube/watch_decoder.hpp"
#include "kube/watch_state.hpp"

namespace portcullis::kube {

struct ReflectorStats {
  std::uint64_t lists = 0;    ///< that filled the sink
  std::uint64_t watches = 0;  ///< asked for, those that follow a streaming list apart
  std::uint64_t events = 0;
  std::uint64_t failures = 0;
  std::uint64_t skipped = 0;  ///< objects of another kind, events of an unknown type
  TimePoint last_activity{};  ///< of the stream: an event or a bookmark
};

/// Keeps a sink equal to a resource of the API server: streaming list where the server offers it,
/// else paged list, then watch from there; resumes from the last resourceVersion; lists again on
/// 410, in an answer or in the stream. Lists are consistent reads (no resourceVersion), so they
/// never go back in time. Backoff 0.8 s doubled to 30 s with jitter; at once when a server that did
/// not answer answers anybody again. Never gives up before `stop`.
class Reflector {
 public:
  Reflector(Client& client, Resource resource, ObjectSink& sink, std::uint64_t jitter_seed);

  /// Runs until `stop`, once. A call in flight is then left to its own deadline (a minute at most),
  /// or to `close` of the transport.
  Task<void> run();
  void stop();

  const ReflectorStats& stats() const { return stats_; }

  /// The resourceVersion up to which the sink is complete; empty before the first list.
  const std::string& version() const { return version_; }

 private:
  Task<void> follow();
  Task<StreamEnd> open_stream();
  Task<StreamEnd> read_stream(Duration timeout);
  Task<void> list_pages();
  Task<Result<std::string>> read_pages();
  bool shall_begin_again(const Error& error, int& restarts);
  Result<Done> take(const WatchEvent& event);
  Result<Done> take_bookmark(const ObjectHead& head);
  std::optional<Error> drain();
  bool is_ours(const ObjectHead& head, bool of_list = false);
  bool is_named(const ObjectHead& head);
  Task<void> pause(const Error* error);
  void server_is_back();
  void synced(std::string version);
  std::string watch_target(Duration timeout) const;
  void note_failure(const char* what, const Error& error);

  Client& client_;
  Resource resource_;
  std::string api_version_;
  ObjectSink& sink_;
  std::minstd_rand random_;
  Backoff backoff_;
  ReflectorStats stats_;
  Stop stop_;
  bool waits_for_answers_ = false;  ///< in the pause of now
  bool is_back_ = false;            ///< the server, during that pause
  Phase phase_ = Phase::stream_list;
  bool stream_list_refused_ = false;
  bool bookmarks_seen_ = false;  ///< the server sends them: their silence tells
  int short_streams_ = 0;        ///< in a row
  int page_limit_ = 500;         ///< objects of a page; halved when one was too large to be read
  std::string version_;
  net::BodyStream* stream_ =
      nullptr;  ///< the one that is read; it lives and dies with its coroutine
  WatchDecoder decoder_;
  Client::Listening back_;
};

}  // namespace portcullis::kube
