#include "kube/reflector.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "kube/status.hpp"
#include "net/url.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using Kind = Error::Kind;

constexpr Duration open_deadline = 30s;
constexpr Duration first_events_idle = 30s;  ///< a streaming list that pauses longer is stuck
constexpr Duration bookmark_idle = 150s;     ///< bookmarks come about once a minute
constexpr Duration grace = 30s;              ///< for the server to end a watch at its timeout
constexpr Duration shortest_stream = 1s;
constexpr int most_short_streams = 5;

/// Versions are opaque, but these two mean "none" and "any".
bool is_version(std::string_view text) { return !text.empty() && text != "0"; }

}  // namespace

Reflector::Reflector(Client& client, Resource resource, ObjectSink& sink, std::uint64_t jitter_seed)
    : client_(client),
      resource_(std::move(resource)),
      api_version_(resource_.group.empty() ? resource_.version
                                           : resource_.group + "/" + resource_.version),
      sink_(sink),
      random_(static_cast<std::minstd_rand::result_type>(jitter_seed)),
      backoff_(jitter_seed),
      back_(client.when_back([this] { server_is_back(); })) {}

void Reflector::stop() {
  stop_.request();
  if (stream_ != nullptr) stream_->close();
}

Task<void> Reflector::run() {
  while (!stop_.requested()) {
    if (phase_ == Phase::page_list) {
      co_await list_pages();
    } else {
      co_await follow();
    }
  }
}

/// One stream from its opening to its end, and the pause that its end asks for.
Task<void> Reflector::follow() {
  const BootTime started = client_.clock().boot_now();
  const std::string before = version_;
  const bool listing = phase_ == Phase::stream_list;
  if (listing) sink_.begin_replace();
  StreamEnd end = co_await open_stream();
  if (phase_ == Phase::stream_list) sink_.abort_replace();
  if (stop_.requested()) co_return;

  end.lived = client_.clock().boot_now() - started;
  end.advanced = version_ != before;
  const bool no_stream_lists =
      phase_ == Phase::stream_list && end.error && !end.opened && refuses_stream_list(*end.error);
  if (no_stream_lists) {
    stream_list_refused_ = true;
    log::info("The server has no streaming lists; asking for pages",
              {{"resource", resource_.plural}});
  } else if (end.error) {
    note_failure(phase_ == Phase::watch ? "Watch ended" : "List failed", *end.error);
  }
  const Step step = step_after(phase_, end);
  phase_ = step.phase;
  if (phase_ == Phase::stream_list && stream_list_refused_) phase_ = Phase::page_list;
  // A server that answers, brings one event and hangs up, over and over, must not keep us spinning.
  short_streams_ = end.lived < shortest_stream ? short_streams_ + 1 : 0;
  if (!step.pause && short_streams_ < most_short_streams) co_return;
  co_await pause(end.error ? &*end.error : nullptr);
}

Task<void> Reflector::pause(const Error* error) {
  Clock& clock = client_.clock();
  const BootTime began = clock.boot_now();
  const Duration asked = error != nullptr ? error->retry_after.value_or(0ms) : 0ms;
  const Duration whole = std::max(backoff_.next(began), std::min(asked, Backoff::longest()));
  waits_for_answers_ = error != nullptr && error->status == 0;
  is_back_ = false;
  while (!stop_.requested()) {
    // A server that answers one and not the other must not make us spin.
    const BootTime end = began + (is_back_ ? Backoff::first() : whole);
    if (clock.boot_now() >= end) break;
    co_await stop_.sleep(clock, end - clock.boot_now());
  }
  waits_for_answers_ = false;
}

/// What was revoked while nobody answered is to be seen now, not at the end of a long pause.
void Reflector::server_is_back() {
  // A server that has just begun answers at first that it is not ready: no reason for long pauses.
  backoff_.reset();
  if (!waits_for_answers_) return;
  is_back_ = true;
  stop_.rouse();
}

std::string Reflector::watch_target(Duration timeout) const {
  std::string target = resource_path(resource_, {.name = {}}) + "?watch=1&allowWatchBookmarks=true";
  if (phase_ == Phase::stream_list) {
    target += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  } else {
    target += "&resourceVersion=" + net::encode_component(version_);
  }
  return target + fmt::format("&timeoutSeconds={}", timeout / 1s);
}

Task<StreamEnd> Reflector::open_stream() {
  const Duration timeout =
      std::chrono::seconds(std::uniform_int_distribution<int>(300, 600)(random_));
  if (phase_ == Phase::watch) ++stats_.watches;
  net::Request request{.target = watch_target(timeout)};
  auto opened = co_await stop_.wait_for(client_.clock(), open_deadline + grace,
                                        client_.open(std::move(request), open_deadline));
  if (!opened) co_return StreamEnd{.error = opened.error()};
  stream_ = opened->get();
  StreamEnd end = co_await read_stream(timeout);
  stream_ = nullptr;
  co_return end;
}

Task<StreamEnd> Reflector::read_stream(Duration timeout) {
  Clock& clock = client_.clock();
  decoder_ = WatchDecoder();
  const BootTime last = clock.boot_now() + timeout + grace;
  while (!stop_.requested()) {
    Duration idle = last - clock.boot_now();
    if (idle <= 0ms) {
      co_return StreamEnd{
          .error = Error{.kind = Kind::timeout, .message = "the watch outlived its timeout"},
          .opened = true};
    }
    if (phase_ == Phase::stream_list) {
      idle = std::min(idle, first_events_idle);
    } else if (bookmarks_seen_) {
      idle = std::min(idle, bookmark_idle);
    }
    const auto piece = co_await stream_->read(idle);
    if (stop_.requested()) break;
    if (!piece) co_return StreamEnd{.error = piece.error(), .opened = true};
    if (piece->empty()) {
      if (!decoder_.in_line()) co_return StreamEnd{.opened = true};
      co_return StreamEnd{.error = Error{.message = "the watch ended within a line"},
                          .opened = true};
    }
    decoder_.feed(*piece);
    if (auto error = drain()) {
      co_return StreamEnd{.error = std::move(error), .opened = true, .by_event = true};
    }
  }
  co_return StreamEnd{.error = Error{.kind = Kind::cancelled, .message = "stopped"},
                      .opened = true};
}

/// Takes all whole events that have come. The error that ends the stream, if one does.
std::optional<Error> Reflector::drain() {
  for (;;) {
    const auto event = decoder_.next();
    if (!event) return event.error();
    if (!*event) return std::nullopt;
    if (auto taken = take(**event); !taken) return taken.error();
    if (stop_.requested()) return std::nullopt;
  }
}

Result<Done> Reflector::take(const WatchEvent& event) {
  using Type = WatchEvent::Type;
  if (event.type == Type::error) return fail(to_error(simdjson::minify(event.object)));
  ++stats_.events;
  stats_.last_activity = client_.clock().now();
  const ObjectHead head = head_of(event.object);
  if (event.type == Type::unknown) {
    ++stats_.skipped;
    log::warning("Skipped an event of an unknown type",
                 {{"resource", resource_.plural}, {"type", event.type_text.substr(0, 64)}});
    return Done{};
  }
  if (!is_ours(head)) return Done{};
  if (event.type == Type::bookmark) return take_bookmark(head);
  if (!is_named(head)) return Done{};
  if (event.type == Type::deleted) {
    sink_.erase(event.object);
  } else {
    sink_.put(event.object);
  }
  // The first events of a streaming list come in no order of versions.
  if (phase_ == Phase::watch && is_version(head.resource_version)) {
    version_ = head.resource_version;
  }
  return Done{};
}

Result<Done> Reflector::take_bookmark(const ObjectHead& head) {
  if (!is_version(head.resource_version)) {
    return fail(Kind::malformed, "a bookmark without a resourceVersion");
  }
  if (phase_ == Phase::watch) {
    bookmarks_seen_ = true;
    version_ = head.resource_version;
  } else if (head.initial_events_end) {
    bookmarks_seen_ = true;
    synced(std::string(head.resource_version));
  }
  return Done{};
}

/// A Table, a foreign kind, an object without a name are no reason to fall over. Items of a list
/// need not repeat their kind.
bool Reflector::is_ours(const ObjectHead& head, bool of_list) {
  const bool same_kind = head.kind == resource_.kind && head.api_version == api_version_;
  if (same_kind || (of_list && head.kind.empty() && head.api_version.empty())) return true;
  ++stats_.skipped;
  log::warning("Skipped an object of another kind",
               {{"resource", resource_.plural},
                {"kind", head.kind.substr(0, 64)},
                {"apiVersion", head.api_version.substr(0, 64)}});
  return false;
}

bool Reflector::is_named(const ObjectHead& head) {
  if (!head.name.empty() && head.ns.empty() != resource_.namespaced) return true;
  ++stats_.skipped;
  log::warning("Skipped an object without a name", {{"resource", resource_.plural}});
  return false;
}

void Reflector::synced(std::string version) {
  ++stats_.lists;
  sink_.end_replace();
  version_ = std::move(version);
  phase_ = Phase::watch;
  log::debug("Listed", {{"resource", resource_.plural}, {"resourceVersion", version_}});
}

void Reflector::note_failure(const char* what, const Error& error) {
  ++stats_.failures;
  // A watch that ends is daily business; without a list nothing is known.
  const auto level = phase_ == Phase::watch ? log::Level::info : log::Level::warning;
  log::write(level, what,
             {{"resource", resource_.plural},
              {"error", to_string(error.kind)},
              {"status", error.status},
              {"message", error.message}});
}

}  // namespace portcullis::kube
